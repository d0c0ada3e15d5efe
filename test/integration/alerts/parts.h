#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/http/client.h"
#include "base/http/server.h"
#include "base/process/process.h"
#include "test/support/temp_dir.h"

namespace test {

using Json = nlohmann::json;

// Until the condition holds; false: it never did.
bool eventually(const std::function<bool()>& condition, int seconds = 60);

// Of localhost, by itself.
void make_certificate(const std::string& cert, const std::string& key, int days);

// Somebody who is told, on https with a certificate of its own: keeps what it gets, and fails at
// will.
class Listener {
 public:
  Listener();
  std::string url(const std::string& path) const;
  std::string ca_file() const { return folder_ / "cert"; }
  void answer_with(int status);
  std::vector<base::HttpRequest> requests(const std::string& path) const;  // that it took
  // The alerts of all webhook documents at that path: "firing SourceUnreachable".
  std::vector<std::string> told(const std::string& path) const;
  size_t refused() const;

 private:
  TempDir folder_;
  mutable std::mutex mutex_;
  int status_ = 200;
  size_t refused_ = 0;
  std::vector<base::HttpRequest> requests_;
  std::unique_ptr<base::HttpServer> server_;
};

// The real mcp-agent with a repository, and without a podman: what is wrong with it is what a test
// takes away.
class Agent {
 public:
  // `alerts`: the tables of [alerts]; `api`: more keys of [api].
  explicit Agent(const std::string& alerts, const std::string& api = "");
  ~Agent();

  void start();
  void kill();  // SIGKILL
  // The remote goes away, or is back.
  void take_source();
  void give_source();

  std::optional<Json> status();
  std::vector<std::string> firing();  // names
  Json receiver(const std::string& name);
  std::string log() const;
  // mcp-agent with this configuration.
  base::Finished run(const std::string& command);
  const TempDir& folder() const { return folder_; }

 private:
  TempDir folder_;
  base::HttpClient api_;
  std::optional<base::Child> process_;
};

}  // namespace test
