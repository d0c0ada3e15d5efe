#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "agent/runtime/podman.h"
#include "agent/runtime/service.h"
#include "base/http/client.h"

// For this folder alone.
namespace agent {

using Parameters = std::map<std::string, std::string>;

// A connection to podman that finds it, and finds it again.
class PodmanApi {
 public:
  explicit PodmanApi(PodmanOptions options) : options_(std::move(options)) {}

  struct Call {
    std::string method = "GET";
    std::string path = {};  // below /libpod: "/containers/json"
    Parameters parameters = {};
    std::string json = {};
    base::HttpHeaders headers = {};
    base::Millis deadline{0};
  };
  // Any status is success; see error_of().
  base::Result<base::HttpResponse> call(const Call& call);
  base::Result<base::HttpResponse> stream(const Call& call, const base::HttpClient::Sink& sink,
                                          const std::stop_token& stop = {});
  base::Result<std::string> version();
  // Whether the containers are an ordinary user's.
  base::Result<bool> rootless();
  const PodmanDeadlines& deadlines() const { return options_.deadlines; }
  const PodmanOptions& options() const { return options_; }

 private:
  // One podman at one place.
  struct Connection {
    std::unique_ptr<base::HttpClient> client;
    std::string version;  // "4.3.1"
    std::string prefix;   // "/v4.0.0/libpod"
    bool rootless = false;
  };
  using Found = base::Result<std::shared_ptr<Connection>>;
  Found connection();
  Found connect();
  base::Result<base::HttpResponse> ask(const Call& call);
  base::Result<base::HttpResponse> ask(const Call& call, const base::HttpClient::Sink& sink,
                                       const std::stop_token& stop);
  base::Result<std::string> find_socket();
  static base::HttpCall to_http(const Call& call, const Connection& connection);
  void count(const Call& call, std::chrono::nanoseconds took,
             const base::Result<base::HttpResponse>& response);
  // Forgets a connection that failed, so that the next call looks again.
  void forget_if_gone(const std::shared_ptr<Connection>& connection, const base::Error& error);

  const PodmanOptions options_;
  std::mutex mutex_;
  std::shared_ptr<Connection> connection_;
  std::shared_future<Found> asking_;  // valid while somebody does
  std::unique_ptr<PodmanService> service_;
};

// What metrics call it: "list", "inspect", "start", "pull", "image_inspect", ...; `path` is below
// /libpod.
std::string call_name(const std::string& method, const std::string& path);

// "/containers/<id><action>"
std::string container_path(const reconciler::ContainerId& id, const char* action);

// What an answer with an error status says: {"cause", "message", "response"}. `doing` is what was
// tried ("cannot start container web.api").
base::Error error_of(const base::HttpResponse& response, const std::string& doing);

}  // namespace agent
