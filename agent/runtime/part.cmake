mcp_library(agent_runtime DIR agent/runtime DEPS agent_view base_http base_process
            PRIVATE nlohmann_json::nlohmann_json OpenSSL::Crypto Threads::Threads)
