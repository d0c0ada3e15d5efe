mcp_library(base_jwt DIR base/jwt DEPS base_core
            PRIVATE OpenSSL::Crypto nlohmann_json::nlohmann_json)
