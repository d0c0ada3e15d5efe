mcp_library(agent_source DIR agent/source DEPS reconciler crds crds_git base_git base_process
            PRIVATE nlohmann_json::nlohmann_json)
