mcp_library(agent_config DIR agent/config DEPS base_core agent_auth agent_receivers base_log crds_codec crds reconciler agent_view)
