#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/process/process.h"

namespace test {

// The real mcp-agent without a podman, for what is decided before that matters: the node "rift",
// with the repository FOLDER/desired (made when it is missing), the data root FOLDER/data and its
// socket at FOLDER/agent.sock; gone with the object. Throws when it does not start: its last words
// are in FOLDER/agent.log.
class AgentProgram {
 public:
  // `tables`: more of its configuration. `port`: where it listens on TLS, with the certificate of
  // make_certificate(); 0: nowhere.
  explicit AgentProgram(const std::string& folder, const std::string& tables = "",
                        uint16_t port = 0);

  std::string socket() const { return folder_ + "/agent.sock"; }
  int pid() const { return child_->pid(); }
  std::string address() const { return "https://127.0.0.1:" + std::to_string(port_); }

 private:
  std::string folder_;
  uint16_t port_;
  std::unique_ptr<base::Child> child_;
};

// mcp as somebody has it whose home is FOLDER, configured in FOLDER/config, and who has said
// nothing else; `more` of the environment. Throws when it cannot be run, or has not ended after a
// minute.
base::Finished run_mcp(const std::string& folder, std::vector<std::string> args,
                       const std::map<std::string, std::string>& more,
                       const std::string& input = "");

// FOLDER/tls.pem and FOLDER/tls.key, for localhost and 127.0.0.1; it signs itself.
void make_certificate(const std::string& folder);

}  // namespace test
