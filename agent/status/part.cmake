# The picture of the loop that STATUS and the API read: a header alone, so that they do not link
# the loop.
add_library(agent_view INTERFACE)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/roots/agent_view/agent)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/agent/loop ${CMAKE_BINARY_DIR}/roots/agent_view/agent/loop
     SYMBOLIC)
target_include_directories(agent_view INTERFACE ${CMAKE_BINARY_DIR}/roots/agent_view)
target_link_libraries(agent_view INTERFACE reconciler)

mcp_library(agent_status DIR agent/status DEPS agent_view PRIVATE nlohmann_json::nlohmann_json)
