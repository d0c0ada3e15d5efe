mcp_library(base_process DIR base/process DEPS base_core)
