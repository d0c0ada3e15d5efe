mcp_library(agent_files DIR agent/files DEPS base_core)
