mcp_library(agent_peers DIR agent/peers DEPS reconciler PRIVATE OpenSSL::SSL OpenSSL::Crypto)
