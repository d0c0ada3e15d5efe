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
struct HttpCall;
struct HttpResponse;
}  // namespace base

namespace controller {

class SshTunnel;

// What a call of an https address shows and trusts, and who asks.
struct AgentAccess {
  std::string token;         // empty: none
  std::string ca_file;       // PEM; empty: the system's CAs
  std::string version = {};  // of this program
};

struct LogQuery {
  bool follow = false;
  std::optional<int> tail;  // lines; absent: all
  std::string since;        // RFC 3339; empty: from the start
};

// One node's agent, through its API (docs/api.md). Any thread, several at once.
//
// Errors name the node. kUnavailable: the agent is not there, or did not answer in time; other
// codes are what the agent said (RFC 9457 problem documents), kUnauthenticated and kDenied among
// them. kInternal: it does not know the call, and says which of the two is the older.
class Agent {
 public:
  // `name` is the node's; empty when only the address is known. `address` as parse_address takes
  // it; one that cannot be reached makes every call fail with that error.
  Agent(std::string name, std::string address, base::Millis deadline, AgentAccess access = {});
  ~Agent();
  Agent(Agent&&) noexcept;
  Agent& operator=(Agent&&) noexcept;

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  const std::string& address() const { return address_; }
  // What to call it in messages: the name, else the address.
  const std::string& label() const { return name_.empty() ? address_ : name_; }

  // The version that the last answer came from; empty: none came, or it did not say.
  std::string seen_version() const;

  struct Version {
    std::string version;
    std::string node;  // empty: an agent that does not say
  };
  base::Result<Version> version() const;
  base::Result<NodeStatus> status() const;
  base::Result<ServiceDetail> service(const std::string& name) const;
  base::Result<ServiceSpec> spec(const std::string& name) const;
  base::Result<ProxyRoutes> routes() const;
  // What mcp-agent check finds there. The agent fetches from the repository for it.
  base::Result<DoctorReport> doctor() const;
  // Returns the number of the request: done once source.syncsDone has reached it.
  base::Result<int64_t> sync(bool allow_prune) const;
  // What the node would do for this tree: path inside the repository -> text.
  base::Result<PlanDocument> plan(const std::map<std::string, std::string>& files) const;
  // What of this node's containers could become the service; changes nothing.
  base::Result<AdoptionProposal> propose_adoption(const std::string& service) const;
  // From the commit of `files` on, these containers are its components' (component -> id).
  base::Result<> adopt(const std::string& service, const std::map<std::string, std::string>& files,
                       const std::map<std::string, std::string>& containers) const;
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

  struct File {
    uint64_t size = 0;  // bytes
    std::string mode;   // octal
    std::string sha256;
  };
  // Sends `file` (size and sum known) to <service>'s data; `read` gives at most so many bytes from
  // an offset. What the agent has then. `stop` ends it, as for get_file.
  using FileSource = std::function<base::Result<std::string>(size_t offset, size_t most)>;
  base::Result<File> put_file(const std::string& service, const std::string& path, const File& file,
                              const FileSource& read, std::stop_token stop = {}) const;
  // Hands the file's bytes to `sink` as they come, and says what they should be.
  using FileSink = std::function<bool(std::string_view)>;
  base::Result<File> get_file(const std::string& service, const std::string& path,
                              const FileSink& sink, std::stop_token stop = {}) const;

 private:
  base::Result<std::string> call(const std::string& method, const std::string& target,
                                 std::string body = {}) const;
  base::Result<> stream(const std::string& target, base::Millis deadline, const LineSink& sink,
                        const std::stop_token& stop) const;
  base::Result<base::HttpResponse> request(base::HttpCall call) const;
  base::Error unreachable(const base::Error& error) const;
  // What an answer that is not a success says.
  base::Error refusal(const base::HttpCall& call, const base::HttpResponse& response) const;

  std::string name_;
  std::string address_;
  base::Millis deadline_;
  // Connection, credentials and what is known of the other side; null: bad_address_ says why.
  struct Link;
  std::unique_ptr<Link> link_;
  base::Error bad_address_;
};

}  // namespace controller
