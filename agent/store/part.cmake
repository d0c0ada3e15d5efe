mcp_library(agent_store DIR agent/store DEPS reconciler agent_alerts base_sqlite base_log
            PRIVATE nlohmann_json::nlohmann_json)
