#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/core/result.h"
#include "crds/types/types.h"

namespace controller {

// The tag of an image reference; empty when it has none or is pinned by a digest.
std::string image_tag(std::string_view image);
// The reference with another tag. REQUIRES: it is not pinned by a digest.
std::string with_tag(std::string_view image, std::string_view tag);

// What must be written so that a service runs a version: its `version`, which counts for components
// that name no tag, and the images of components that name the tag which is replaced.
struct VersionChange {
  bool set_version = false;
  std::string from;                                   // "" when there was none
  std::map<crds::ComponentName, std::string> images;  // component -> new image
};

// `component` empty: the whole service. kInvalid when no image would change its tag.
base::Result<VersionChange> plan_version(const crds::Service& service,
                                         const crds::ComponentName& component,
                                         const std::string& version);

}  // namespace controller
