mcp_library(agent_adopt DIR agent/adopt DEPS agent_view crds
            PRIVATE nlohmann_json::nlohmann_json)
