#pragma once

#include <map>

#include "base/git/repository.h"
#include "crds/git/definitions.h"
#include "reconciler/placement.h"

// For this folder alone.
namespace agent {

// Follows through the commits of a branch where the data of its services lies: each commit is read
// once, along first parents, from the oldest of the last kMaxCommits on. Agents that have just
// arrived, or were away, come to the same as those that have seen each commit. One thread at a
// time.
class DataHistory {
 public:
  static constexpr size_t kMaxCommits = 1000;

  explicit DataHistory(std::string folder) : reader_(std::move(folder)) {}

  // The node that has the data of each service at `head`.
  base::Result<std::map<crds::ServiceName, crds::NodeName>> at(
      const base::git::Repository& repository, const base::git::Oid& head);

 private:
  void take(const crds::DecodedFiles& files);

  crds::DefinitionReader reader_;
  base::git::Oid seen_;  // empty: nothing yet
  reconciler::DataPlaces places_;
};

}  // namespace agent
