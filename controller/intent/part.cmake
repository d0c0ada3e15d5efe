mcp_library(controller_intent DIR controller/intent DEPS base_git base_process crds crds_git)
