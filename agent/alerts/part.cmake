mcp_library(agent_alerts DIR agent/alerts DEPS agent_view)
