#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"
#include "base/core/time.h"
#include "controller/fleet/documents.h"

namespace base {
class HttpClient;
}  // namespace base

namespace controller {

struct LogQuery {
  bool follow = false;
  std::optional<int> tail;  // lines; absent: all
  std::string since;        // RFC 3339; empty: from the start
};

// One node's agent, through its API (docs/api.md). Any thread, several at once.
//
// Errors name the node. kUnavailable: the agent is not there, or did not answer in time; other
// codes are what the agent said (RFC 9457 problem documents).
class Agent {
 public:
  // `name` is the node's; empty when only the address is known. `address` as parse_address takes
  // it; one that cannot be reached makes every call fail with that error.
  Agent(std::string name, std::string address, base::Millis deadline);
  ~Agent();
  Agent(Agent&&) noexcept;
  Agent& operator=(Agent&&) noexcept;

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  const std::string& address() const { return address_; }
  // What to call it in messages: the name, else the address.
  const std::string& label() const { return name_.empty() ? address_ : name_; }

  struct Version {
    std::string version;
    std::string node;  // empty: an agent that does not say
  };
  base::Result<Version> version() const;
  base::Result<NodeStatus> status() const;
  base::Result<ServiceDetail> service(const std::string& name) const;
  base::Result<ServiceSpec> spec(const std::string& name) const;
  base::Result<ProxyRoutes> routes() const;
  // Returns the number of the request: done once source.syncsDone has reached it.
  base::Result<int64_t> sync(bool allow_prune) const;
  // What the node would do for this tree: path inside the repository -> text.
  base::Result<PlanDocument> plan(const std::map<std::string, std::string>& files) const;
  // The last `limit` events, oldest first; of one service unless that is empty.
  base::Result<std::vector<Event>> events(int limit, const std::string& service = {}) const;

  // Hands each event after `since` to `sink` until it says false, `stop` is requested, or the agent
  // goes.
  using EventSink = std::function<bool(const Event&)>;
  base::Result<> follow_events(int64_t since, const std::string& service, const EventSink& sink,
                               std::stop_token stop = {}) const;

  // Hands whole lines (without the line feed) to `sink`, likewise.
  using LineSink = std::function<bool(std::string_view)>;
  base::Result<> logs(const std::string& service, const std::string& component,
                      const LogQuery& query, const LineSink& sink, std::stop_token stop = {}) const;

 private:
  base::Result<std::string> call(const std::string& method, const std::string& target,
                                 std::string body = {}) const;
  base::Result<> stream(const std::string& target, base::Millis deadline, const LineSink& sink,
                        const std::stop_token& stop) const;

  std::string name_;
  std::string address_;
  base::Millis deadline_;
  std::unique_ptr<base::HttpClient> client_;  // null: bad_address_ says why
  base::Error bad_address_;
};

}  // namespace controller
