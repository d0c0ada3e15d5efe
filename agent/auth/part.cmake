mcp_library(agent_auth DIR agent/auth DEPS base_core base_http base_jwt
            PRIVATE nlohmann_json::nlohmann_json Threads::Threads)
