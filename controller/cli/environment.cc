#include "controller/cli/environment.h"

#include <cstdlib>

namespace controller {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string or_below_home(const char* name, const std::string& home, const char* folder) {
  std::string value = variable(name);
  return value.empty() && !home.empty() ? home + folder : value;
}

}  // namespace

Environment Environment::of_process() {
  Environment environment;
  environment.config = variable("MCP_CONFIG");
  environment.repo = variable("MCP_REPO");
  environment.agent = variable("MCP_AGENT");
  environment.token = variable("MCP_TOKEN");
  environment.editor = variable("VISUAL");
  if (environment.editor.empty()) environment.editor = variable("EDITOR");
  environment.home = variable("HOME");
  environment.config_home = or_below_home("XDG_CONFIG_HOME", environment.home, "/.config");
  environment.state_home = or_below_home("XDG_STATE_HOME", environment.home, "/.local/state");
  environment.runtime_dir = variable("XDG_RUNTIME_DIR");
  std::error_code error;
  environment.directory = std::filesystem::current_path(error);
  return environment;
}

}  // namespace controller
