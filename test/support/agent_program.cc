#include "test/support/agent_program.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace test {

namespace fs = std::filesystem;
using std::chrono::seconds;

namespace {

void run_or_throw(const base::Command& command) {
  const auto done = base::run_command(command, "", seconds(30));
  if (!done || !done->ok())
    throw std::runtime_error(command.text() + ": " + (done ? done->err : done.error().text()));
}

std::string log_of(const std::string& folder) {
  std::ostringstream text;
  text << std::ifstream(folder + "/agent.log").rdbuf();
  return text.str();
}

}  // namespace

void make_certificate(const std::string& folder) {
  run_or_throw(
      {{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", "/CN=agent", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout", folder + "/tls.key", "-out", folder + "/tls.pem"}});
}

AgentProgram::AgentProgram(const std::string& folder, const std::string& tables, uint16_t port)
    : folder_(folder), port_(port) {
  if (!fs::exists(folder + "/desired"))
    run_or_throw({{"git", "init", "-q", "-b", "main", folder + "/desired"}});
  fs::create_directories(folder + "/data");
  std::string api = "socket = \"" + socket() + "\"\n";
  if (port != 0)
    api += "listen = \"127.0.0.1:" + std::to_string(port) + "\"\ntls_cert = \"" + folder +
           "/tls.pem\"\ntls_key = \"" + folder + "/tls.key\"\n";
  std::ofstream(folder + "/agent.toml")
      << "[node]\nname = \"rift\"\n[source]\nurl = \"" << folder
      << "/desired\"\n[podman]\nsocket = \"" << folder << "/no-podman.sock\"\n[registry]\npath = \""
      << folder << "/state/mcp.db\"\n[data]\nroot = \"" << folder << "/data\"\n[api]\n"
      << api << tables;
  auto child =
      base::Child::spawn({{MCP_BINARY_DIR "/bin/mcp-agent", "--config", folder + "/agent.toml"}},
                         {.output_file = folder + "/agent.log"});
  if (!child) throw std::runtime_error(child.error().text());
  child_ = std::make_unique<base::Child>(std::move(*child));
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  while (log_of(folder).find("manages node rift") == std::string::npos)
    if (child_->wait(base::Millis(20)) || std::chrono::steady_clock::now() > end)
      throw std::runtime_error("the agent does not start: " + log_of(folder));
}

base::Finished run_mcp(const std::string& folder, std::vector<std::string> args,
                       const std::map<std::string, std::string>& more, const std::string& input) {
  args.insert(args.begin(), MCP_BINARY_DIR "/bin/mcp");
  std::map<std::string, std::string> environment = {{"XDG_CONFIG_HOME", folder + "/config"},
                                                    {"HOME", folder},
                                                    {"MCP_CONFIG", ""},
                                                    {"MCP_REPO", ""},
                                                    {"MCP_AGENT", ""},
                                                    {"MCP_TOKEN", ""}};
  for (const auto& [name, value] : more) environment[name] = value;
  auto done = base::run_command({args, environment, folder}, input, std::chrono::seconds(60));
  if (!done) throw std::runtime_error(done.error().text());
  return std::move(*done);
}

}  // namespace test
