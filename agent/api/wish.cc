#include "agent/api/wish.h"

#include <nlohmann/json.hpp>

namespace agent {

base::Result<std::map<std::string, crds::DecodedFile>> decode_files(const Json& body) {
  if (!body.is_object() || !body.contains("files") || !body["files"].is_object())
    return base::invalid("the body is not {\"files\": {path: text}}");
  std::map<std::string, crds::DecodedFile> files;
  for (const auto& [path, content] : body["files"].items()) {
    if (!content.is_string()) return base::invalid("files[" + path + "] is not a string");
    if (crds::is_definition_path(path))
      files.emplace(path, crds::decode_file(path, content.get_ref<const std::string&>()));
  }
  return files;
}

reconciler::Snapshot snapshot_of(const std::map<std::string, crds::DecodedFile>& files,
                                 const reconciler::Desired& now) {
  std::map<crds::ServiceName, crds::Service> last_good;
  for (const auto& [name, service] : now.services) last_good.emplace(name, service.definition);
  return {now.revision, crds::check_tree(files, last_good)};
}

}  // namespace agent
