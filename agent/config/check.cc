#include "agent/config/config.h"

namespace agent {

std::vector<Finding> check_config(const LoadedConfig& loaded,
                                  const std::vector<CheckProbe>& probes) {
  std::vector<Finding> findings;
  for (const auto& problem : loaded.problems)
    findings.push_back({Finding::Level::kError, "config", problem.text()});
  if (loaded.config.source.url.empty())
    findings.push_back({Finding::Level::kError, "config",
                        "no repository is named (set url in [source], or give --repo)"});
  if (findings.empty())
    findings.push_back({Finding::Level::kOk, "config",
                        "node " + loaded.config.node.name.str() + ", registry " +
                            loaded.config.registry.path + ", API " + loaded.config.api.socket});
  for (const CheckProbe& probe : probes) {
    const auto answer = probe.ask();
    findings.push_back({answer ? Finding::Level::kOk : Finding::Level::kError, probe.what,
                        answer ? *answer : answer.error().message,
                        answer ? "" : answer.error().hint});
  }
  return findings;
}

}  // namespace agent
