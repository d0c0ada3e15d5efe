mcp_library(agent_api DIR agent/api DEPS agent_adopt agent_auth agent_files agent_status agent_store base_http crds
            PRIVATE nlohmann_json::nlohmann_json)
