#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "base/http/server.h"
#include "test/support/git/git_repo.h"

namespace test {

using Json = nlohmann::ordered_json;

// What an agent with `report = true` leaves in the repository: refs/mcp/status/<node>.
void report_to_git(const GitRepo& origin, const std::string& node, const std::string& document);

// An agent that does nothing but answer: the API on a socket, with documents that a test writes.
class FakeAgent {
 public:
  // `origin` is the bare repository that it "follows". `version` stands in a header of every
  // answer; empty: it does not say.
  FakeAgent(const std::string& socket, std::string origin, const std::string& version = "");

  // Called with the state when somebody asks for a sync, after the revision was read.
  std::function<void(FakeAgent&)> on_sync = [](FakeAgent&) {};

  // What follows is used from on_sync, or under lock().
  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  void set_service(const std::string& name, const std::string& reason, bool ready,
                   const std::string& message = "all is well");
  void remove_service(const std::string& name);
  void add_event(const std::string& service, const std::string& type, const std::string& reason,
                 const std::string& message);

  std::string node = "rift";
  std::string revision;
  std::string last_error;
  Json services = Json::array();
  Json events = Json::array();
  Json history = Json::array();  // of every service
  Json plan = {{"valid", true}, {"problems", Json::array()}, {"changes", Json::array()}};
  Json routes = {{"managed", false}, {"error", nullptr}, {"routes", Json::array()}};
  Json findings = Json::array();
  base::Millis clock_ahead{0};       // of this machine's
  std::set<std::string> remembered;  // services that are gone, and whose events are known
  Json plan_request;
  Json adoption;  // what is proposed for any service; null: it is managed already
  bool takes_adoption = true;
  Json adopt_request;  // that was accepted
  Json sync_request;
  std::map<std::string, std::string> specs;  // service -> TOML
  std::string log = "starting\nlistening on 8080\n";
  std::set<std::string> lacks;      // patterns of calls that it does not know
  bool adds_fields = false;         // to every object of its documents, as a newer one may
  std::optional<std::string> says;  // instead of every document

 private:
  // A call: what it lacks, adds and says instead is seen to here.
  void serve(const std::string& method, const std::string& path,
             std::function<base::HttpReply(const base::HttpRequest&)> answer);
  Json status() const;
  base::HttpReply service_reply(const std::string& name) const;

  std::mutex mutex_;
  std::string origin_;
  int64_t syncs_ = 0;
  base::HttpServer server_;
};

}  // namespace test
