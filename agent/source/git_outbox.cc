#include "agent/source/git_outbox.h"

#include <utility>

namespace agent {

namespace git = base::git;

std::string report_ref(const reconciler::NodeName& node) {
  return "refs/mcp/status/" + node.str();
}

GitOutbox::GitOutbox(git::Remote remote, reconciler::NodeName node, std::filesystem::path scratch)
    : remote_(std::move(remote)), node_(std::move(node)), scratch_(std::move(scratch)) {}

base::Result<> GitOutbox::publish(const std::string& document) {
  std::error_code failed;
  std::filesystem::remove_all(scratch_, failed);
  MCP_TRY(git::Repository repository, git::Repository::create_bare(scratch_));
  const git::Signature author{"mcp-agent", "mcp-agent@" + node_.str(),
                              std::chrono::floor<base::Millis>(std::chrono::system_clock::now()),
                              0};
  MCP_TRY(const git::Oid commit,
          repository.write_root("status.json", document, "Status of " + node_.str(), author));
  MCP_CHECK(repository.set_ref(report_ref(node_), commit, "report"));
  return git::push(repository, remote_, report_ref(node_));
}

}  // namespace agent
