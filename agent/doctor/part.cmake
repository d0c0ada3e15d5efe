mcp_library(agent_doctor DIR agent/doctor DEPS agent_config agent_runtime agent_view base_core
            PRIVATE nlohmann_json::nlohmann_json OpenSSL::SSL OpenSSL::Crypto)
