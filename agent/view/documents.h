#pragma once

#include <string>

#include "base/core/result.h"

namespace agent {

// What podman says, as JSON, for those who want to know more of a container than the port tells.
// Any thread.
class RuntimeDocuments {
 public:
  virtual ~RuntimeDocuments() = default;
  // GET /libpod/containers/json, of all of them.
  virtual base::Result<std::string> containers_document() = 0;
  // GET /libpod/containers/{id}/json. kNotFound: it is gone.
  virtual base::Result<std::string> container_document(const std::string& id) = 0;
  // GET /libpod/images/{id}/json. kNotFound: it is gone.
  virtual base::Result<std::string> image_document(const std::string& id) = 0;
};

}  // namespace agent
