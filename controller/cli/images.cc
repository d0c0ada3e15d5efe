#include "controller/cli/images.h"

#include <set>

namespace controller {
namespace {

// Where ":tag" starts: after the last '/', because a registry may have a port.
size_t tag_at(std::string_view image) {
  const size_t slash = image.rfind('/');
  return image.find(':', slash == std::string_view::npos ? 0 : slash);
}

bool pinned(std::string_view image) {
  return image.find('@') != std::string_view::npos;
}

}  // namespace

std::string image_tag(std::string_view image) {
  const size_t at = tag_at(image);
  return at == std::string_view::npos || pinned(image) ? "" : std::string(image.substr(at + 1));
}

std::string with_tag(std::string_view image, std::string_view tag) {
  return std::string(image.substr(0, tag_at(image))) + ":" + std::string(tag);
}

base::Result<VersionChange> plan_version(const crds::Service& service,
                                         const crds::ComponentName& component,
                                         const std::string& version) {
  VersionChange change;
  change.from = service.version;
  std::set<std::string> tags;
  bool follows_version = false;
  for (const crds::Component& one : service.components) {
    const std::string tag = image_tag(one.image);
    if (one.name == component) {
      if (tag.empty())
        return base::invalid(
            service.name.str() + "/" + component.str() + " names no tag of its own",
            pinned(one.image) ? "it is pinned by a digest: use --image"
                              : "its version is the service's: mcp deploy " + service.name.str() +
                                    " --version " + version + ", or use --image");
      change.from = tag;
      change.images[one.name] = with_tag(one.image, version);
      return change;
    }
    if (!tag.empty()) tags.insert(tag);
    follows_version = follows_version || (tag.empty() && !pinned(one.image));
  }
  // Tags that are written out follow when it is plain that they are the service's version.
  std::string replaced = service.version;
  if (!follows_version && tags.size() == 1) replaced = *tags.begin();
  for (const crds::Component& one : service.components)
    if (const std::string tag = image_tag(one.image); !tag.empty() && tag == replaced)
      change.images[one.name] = with_tag(one.image, version);
  change.set_version = follows_version || !service.version.empty();
  if (change.from.empty()) change.from = replaced;
  if (follows_version || !change.images.empty()) return change;
  return base::invalid("no component of " + service.name.str() + " takes its tag from the version",
                       "name the component (mcp deploy " + service.name.str() +
                           "/COMPONENT --version " + version + ") or use --image");
}

}  // namespace controller
