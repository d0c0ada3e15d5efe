mcp_library(agent_config DIR agent/config DEPS base_core base_log crds_codec)
