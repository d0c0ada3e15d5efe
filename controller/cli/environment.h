#pragma once

#include <filesystem>
#include <string>

namespace controller {

// What the process was started with. Read once, so that tests can say it.
struct Environment {
  std::string config;               // MCP_CONFIG
  std::string repo;                 // MCP_REPO
  std::string agent;                // MCP_AGENT
  std::string token;                // MCP_TOKEN
  std::string editor;               // VISUAL, else EDITOR
  std::string home;                 // HOME
  std::string config_home;          // XDG_CONFIG_HOME, else HOME/.config
  std::string state_home;           // XDG_STATE_HOME, else HOME/.local/state
  std::string runtime_dir;          // XDG_RUNTIME_DIR
  std::filesystem::path directory;  // where mcp was started

  static Environment of_process();
};

}  // namespace controller
