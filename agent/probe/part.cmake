mcp_library(agent_probe DIR agent/probe DEPS reconciler agent_runtime base_http)
