#include "agent/runtime/mounts.h"

#include <filesystem>

#include "agent/runtime/spec_json.h"

namespace agent {

base::Result<> check_mounts(PodmanApi& api, const std::string& inspect,
                            const std::function<base::Result<>(const std::string&)>& may_mount) {
  if (!may_mount) return {};
  MCP_TRY(const auto answer, api.call({.path = inspect, .deadline = api.deadlines().read}));
  if (!answer.ok()) return {};  // whoever acts on it will say why it cannot be
  MCP_TRY(const auto sources, parse_bind_sources(answer.body));
  for (const std::string& source : sources) {
    std::error_code failed;
    const auto leads_to = std::filesystem::weakly_canonical(source, failed);
    if (failed || leads_to != std::filesystem::path(source).lexically_normal())
      MCP_CHECK(may_mount(source));
  }
  return {};
}

}  // namespace agent
