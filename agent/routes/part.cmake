mcp_library(agent_routes DIR agent/routes DEPS reconciler base_http base_log
            PRIVATE nlohmann_json::nlohmann_json Threads::Threads)
