mcp_library(agent_daemon DIR agent/daemon
            DEPS agent_loop agent_config agent_receivers agent_source agent_store agent_runtime agent_routes agent_peers
                 agent_probe agent_doctor agent_api base_log
            PRIVATE Boost::headers nlohmann_json::nlohmann_json Threads::Threads)
add_executable(mcp-agent ${CMAKE_CURRENT_SOURCE_DIR}/daemon/main.cc)
target_link_libraries(mcp-agent PRIVATE agent_daemon base_version PkgConfig::cli11)
set_target_properties(mcp-agent PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
