#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "agent/alerts/alerter.h"

namespace agent {

// How full the file systems are (statvfs(3)) that the node cannot do without. One file system is
// one fact, whatever lies on it.
class Disks : public FactSource {
 public:
  // Folders with what they are for. `images` is asked where podman keeps its own until it answers;
  // a folder that is not on this node (podman's is another machine) says nothing.
  Disks(std::vector<std::pair<std::string, std::string>> folders,
        std::function<base::Result<std::string>()> images)
      : folders_(std::move(folders)), images_(std::move(images)) {}
  NodeFacts look() override;

 private:
  std::vector<std::pair<std::string, std::string>> folders_;
  std::function<base::Result<std::string>()> images_;  // null: answered, or nobody to ask
};

}  // namespace agent
