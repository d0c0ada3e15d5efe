# What the API asks of the daemon: a header alone, so that the runtime does not link the API.
add_library(agent_backend INTERFACE)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/roots/agent_backend/agent)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/agent/api ${CMAKE_BINARY_DIR}/roots/agent_backend/agent/api
     SYMBOLIC)
target_include_directories(agent_backend INTERFACE ${CMAKE_BINARY_DIR}/roots/agent_backend)
target_link_libraries(agent_backend INTERFACE agent_view)

mcp_library(agent_runtime DIR agent/runtime DEPS agent_backend base_http base_process
            PRIVATE nlohmann_json::nlohmann_json OpenSSL::Crypto Threads::Threads)
