#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/http/client.h"
#include "base/process/process.h"
#include "test/support/podman_fixture.h"
#include "test/support/temp_dir.h"

namespace test {

using Json = nlohmann::json;

// A node as its operator has it: the real mcp-agent, a podman of its own, and a git repository to
// push to. Everything goes at the end.
class Node {
 public:
  // `more`: further keys of [source], then tables of the agent's configuration. `repository`: that
  // of another node, which this one follows as well, or a URL; empty: one of its own.
  explicit Node(const std::string& more = "", const std::string& name = "rift",
                const std::string& repository = "");
  // On this podman. The agent, and whoever commits, is the user who owns it.
  explicit Node(std::unique_ptr<PodmanFixture> engine, const std::string& more = "",
                const std::string& name = "rift", const std::string& repository = "");
  ~Node();

  // Further keys of a table that its configuration has; before the agent starts.
  void configure(const std::string& table, const std::string& keys);

  // Writes a definition into the repository and commits all that was written since.
  void write(const std::string& path, const std::string& text);
  void erase(const std::string& path);
  void commit(const std::string& message);

  void start_agent();
  void kill_agent();      // SIGKILL
  int terminate_agent();  // SIGTERM; its exit code
  int agent_exit();       // of one that ends by itself
  int agent_pid() const { return agent_->pid(); }
  std::string agent_log() const;

  std::optional<Json> get(const std::string& path);  // of its API; none without an answer
  std::optional<Json> status() { return get("/v1/status"); }
  Json service(const std::string& name);                 // its entry of the status document
  std::string ready_reason(const std::string& service);  // of its Ready condition; "" when absent
  std::string node_reason();
  // Whether Ready, of the service or of the node, has that reason, and a message that says so.
  bool tells(const std::string& service, const std::string& reason, const std::string& what);
  bool node_tells(const std::string& reason, const std::string& what);
  bool ready(const std::string& service);
  // Its events with that reason, oldest first: messages.
  std::vector<std::string> events(const std::string& service, const std::string& reason);
  int64_t sync(bool allow_prune = false);
  // Until the condition holds; the failure says what was waited for and shows the status.
  void wait(const std::string& what, const std::function<bool()>& condition, int seconds = 60);

  std::string podman(const std::vector<std::string>& arguments);
  // What the service's first port answers; "" without an answer.
  std::string page(const std::string& service);
  // "" when there is none.
  std::string container_id(const std::string& name);
  int pid_of(const std::string& name);

  PodmanFixture& engine() { return *engine_; }
  const TempDir& folder() const { return folder_; }
  const std::string& repository() const { return repository_; }
  std::string registry() const { return folder_ / "state/mcp.db"; }
  std::string config() const { return folder_ / "agent.toml"; }

 private:
  void become_owner();
  void git(const std::vector<std::string>& arguments);
  base::Command as_owner(std::vector<std::string> argv) const;

  TempDir folder_;
  std::string repository_;
  std::unique_ptr<PodmanFixture> engine_;
  std::unique_ptr<base::HttpClient> api_;
  std::string agent_program_;
  std::vector<std::string> owner_;  // the words before a command that make it the owner's
  std::optional<base::Child> agent_;
};

// What runs until it is told to stop.
inline constexpr char kSleep[] = "trap 'exit 0' TERM; sleep 100000 & wait";

// A service with one component of the demo image that runs `cmd` and, with `extra`, more lines.
std::string definition(const std::string& name, const std::string& cmd,
                       const std::string& extra = "");
// A component that answers http on its route's port.
std::string web_definition(const std::string& name, const std::string& text);

}  // namespace test
