#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/core/result.h"
#include "crds/types/types.h"

// A container that somebody made by other means, as the component that reproduces it.
namespace agent {

// What a definition cannot say of it.
struct Loss {
  std::string field;        // as podman's options are called: "ulimit", "dns"
  std::string value;        // what the container has
  std::string consequence;  // when it is replaced the next time
  friend bool operator==(const Loss&, const Loss&) = default;
};

struct Reproduction {
  crds::Component component;  // without a name
  std::vector<Loss> losses;
  std::vector<std::string> image_names;  // all that its image has
  std::vector<std::string> exposed;      // ports that its image declares: "80/tcp"
  std::string podman_restarts;           // its restart policy, when podman acts on one; else empty

  void lose(std::string field, std::string value, std::string consequence) {
    losses.push_back({std::move(field), std::move(value), std::move(consequence)});
  }
};

// `container` and `image` are what podman says of it and of its image (RuntimeDocuments). Where the
// fleet's defaults would make another container of it, the component says what it is, or a loss
// does. Of a pod's member the ports are left out: they are the pod's. Pure. kCorrupt: that is not
// what podman 4 or 5 says.
base::Result<Reproduction> reproduce(const std::string& container, const std::string& image,
                                     const crds::Fleet& fleet);

}  // namespace agent
