mcp_library(base_log DIR base/log DEPS base_core PRIVATE spdlog::spdlog nlohmann_json::nlohmann_json)
