#include "agent/source/data_history.h"

#include <vector>

namespace agent {

using base::git::Oid;

base::Result<std::map<crds::ServiceName, crds::NodeName>> DataHistory::at(
    const base::git::Repository& repository, const Oid& head) {
  std::vector<Oid> unseen;  // newest first
  Oid at = head;
  while (at != seen_ && unseen.size() < kMaxCommits) {
    unseen.push_back(at);
    MCP_TRY(const base::git::CommitInfo commit, repository.commit(at));
    if (commit.parents.empty()) break;
    at = commit.parents.front();
  }
  // Another history than the one that was seen, or too long a one to tell.
  if (at != seen_ || seen_.empty()) places_.clear();
  seen_ = Oid();
  for (auto commit = unseen.rbegin(); commit != unseen.rend(); ++commit) {
    const auto read = reader_.read(repository, *commit);
    // The folder may be younger than the branch.
    if (!read && read.error().code != base::Code::kNotFound) return read.error();
    if (read) take(reader_.files());
  }
  seen_ = head;
  std::map<crds::ServiceName, crds::NodeName> out;
  for (const auto& [service, place] : places_)
    if (!place.node.empty()) out.emplace(service, place.node);
  return out;
}

void DataHistory::take(const crds::DecodedFiles& files) {
  std::map<crds::NodeName, crds::Node> nodes;
  for (const auto& [path, file] : files) {
    // Agents keep the nodes of the commit before.
    if (path.starts_with("nodes/") && !file.problems.empty()) return;
    for (const auto& node : file.nodes) nodes.emplace(node.value.name, node.value);
  }
  for (const auto& [path, file] : files)
    for (const auto& service : file.services)
      reconciler::follow_data(places_, service.value, nodes);
}

}  // namespace agent
