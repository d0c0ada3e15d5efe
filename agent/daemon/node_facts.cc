#include "agent/daemon/node_facts.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <map>

#include "agent/doctor/probe.h"

namespace agent {

NodeFacts LookAtNode::look() {
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
  if (certificate_.empty()) return facts;
  const doctor::Certificate certificate = doctor::read_certificate(certificate_, "");
  // One that cannot be read just now is not in use yet either: the listener goes on with the last.
  if (certificate.error.empty()) last_read_ = {certificate_, certificate.until};
  facts.certificate = last_read_;
  return facts;
}

}  // namespace agent
