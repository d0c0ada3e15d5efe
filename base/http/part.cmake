mcp_library(base_http DIR base/http DEPS base_core base_log
            PRIVATE PkgConfig::cpp-httplib OpenSSL::SSL OpenSSL::Crypto Threads::Threads
                    nlohmann_json::nlohmann_json)
