#pragma once

#include <span>
#include <string_view>

namespace crds {

// A CRD document, embedded by crds/CMakeLists.txt.
struct EmbeddedDocument {
  std::string_view file;  // "service.yaml"
  std::string_view text;
};
std::span<const EmbeddedDocument> embedded_documents();

}  // namespace crds
