#include "agent/config/config.h"

namespace agent {

std::string Finding::line() const {
  const char* word = level == Level::kOk ? "ok" : level == Level::kWarning ? "warning" : "error";
  std::string out(word);
  out.resize(9, ' ');
  return out + what + ": " + text;
}

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
  for (const auto& warning : loaded.warnings)
    findings.push_back({Finding::Level::kWarning, "config", warning.text()});
  for (const CheckProbe& probe : probes) {
    const auto answer = probe.ask();
    findings.push_back({answer ? Finding::Level::kOk : Finding::Level::kError, probe.what,
                        answer ? *answer : answer.error().text()});
  }
  return findings;
}

}  // namespace agent
