mcp_library(base_metrics DIR base/metrics DEPS base_core PRIVATE Threads::Threads)
