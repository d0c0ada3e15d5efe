mcp_library(agent_receivers DIR agent/receivers DEPS agent_alerts base_core base_http base_process
            PRIVATE nlohmann_json::nlohmann_json)
