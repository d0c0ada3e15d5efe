#include "agent/daemon/disks.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <map>

namespace agent {

NodeFacts Disks::look() {
  if (images_) {
    if (const auto root = images_()) {
      folders_.emplace_back(*root, "podman's images and containers");
      images_ = nullptr;
    }
  }
  NodeFacts facts;
  std::map<dev_t, size_t> known;
  for (const auto& [path, purpose] : folders_) {
    struct stat folder{};
    struct statvfs space{};
    if (::stat(path.c_str(), &folder) != 0 || ::statvfs(path.c_str(), &space) != 0) continue;
    const auto [found, fresh] = known.emplace(folder.st_dev, facts.disks.size());
    if (!fresh) {
      facts.disks[found->second].purpose += ", " + purpose;
      continue;
    }
    facts.disks.push_back({path, purpose, uint64_t{space.f_bavail} * space.f_frsize,
                           uint64_t{space.f_blocks} * space.f_frsize});
  }
  return facts;
}

}  // namespace agent
