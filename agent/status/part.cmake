mcp_library(agent_status DIR agent/status DEPS agent_view PRIVATE nlohmann_json::nlohmann_json)
