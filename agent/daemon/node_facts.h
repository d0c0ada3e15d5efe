#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/alerts/alerter.h"

namespace agent {

// How full the file systems are (statvfs(3)) that the node cannot do without, and until when the
// API's certificate is good. One file system is one fact, whatever lies on it.
class LookAtNode : public FactSource {
 public:
  // Folders with what they are for. `images` is asked where podman keeps its own until it answers;
  // a folder that is not on this node (podman's is another machine) says nothing. `certificate`:
  // a PEM file; empty: there is none.
  LookAtNode(std::vector<std::pair<std::string, std::string>> folders,
             std::function<base::Result<std::string>()> images, std::string certificate)
      : folders_(std::move(folders)),
        images_(std::move(images)),
        certificate_(std::move(certificate)) {}
  NodeFacts look() override;

 private:
  std::vector<std::pair<std::string, std::string>> folders_;
  std::function<base::Result<std::string>()> images_;  // null: answered, or nobody to ask
  std::string certificate_;
  std::optional<CertificateFact> last_read_;
};

}  // namespace agent
