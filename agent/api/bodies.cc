#include "agent/api/bodies.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/core/text.h"

namespace agent {
namespace {

using base::Result;
using reconciler::ContainerId;

Result<Json> read_object(const std::string& body, const std::vector<std::string>& known) {
  if (body.empty()) return Json::object();
  Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return base::invalid("the body is not a JSON object");
  for (const auto& [key, unused] : json.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return base::invalid("unknown member '" + key + "'", "known: " + base::join(known, ", "));
  return json;
}

Result<Tree> files_of(const Json& body) {
  if (!body.contains("files") || !body["files"].is_object())
    return base::invalid("the body is not {\"files\": {path: text}}");
  Tree files;
  for (const auto& [path, content] : body["files"].items()) {
    if (!content.is_string()) return base::invalid("files[" + path + "] is not a string");
    if (crds::is_definition_path(path))
      files.emplace(path, crds::decode_file(path, content.get_ref<const std::string&>()));
  }
  return files;
}

Result<std::map<std::string, ContainerId>> components_of(const Json& body) {
  if (!body.contains("components") || !body["components"].is_object() || body["components"].empty())
    return base::invalid("the body has no components: {component: container id}");
  std::map<std::string, ContainerId> out;
  std::set<std::string> ids;
  for (const auto& [component, id] : body["components"].items()) {
    if (!id.is_string()) return base::invalid("components[" + component + "] is not a string");
    out.emplace(component, ContainerId(id.get<std::string>()));
    if (!ids.insert(id.get<std::string>()).second)
      return base::invalid("two components cannot have one container: " + id.get<std::string>());
  }
  return out;
}

}  // namespace

Result<Tree> read_tree(const std::string& body) {
  MCP_TRY(const Json json, read_object(body, {"files"}));
  return files_of(json);
}

reconciler::Snapshot snapshot_of(const Tree& files, const reconciler::Desired& now) {
  std::map<crds::ServiceName, crds::Service> last_good;
  for (const auto& [name, service] : now.services) last_good.emplace(name, service.definition);
  return {now.revision, crds::check_tree(files, last_good)};
}

Result<bool> read_sync(const std::string& body) {
  MCP_TRY(const Json json, read_object(body, {"allowPrune"}));
  const auto allow_prune = json.find("allowPrune");
  if (allow_prune == json.end()) return false;
  if (!allow_prune->is_boolean()) return base::invalid("allowPrune is neither true nor false");
  return allow_prune->get<bool>();
}

Result<std::optional<AdoptionBody>> read_adoption(const std::string& body) {
  MCP_TRY(const Json json, read_object(body, {"files", "components"}));
  if (json.empty()) return std::nullopt;
  AdoptionBody out;
  MCP_TRY(out.components, components_of(json));
  MCP_TRY(out.files, files_of(json));
  return out;
}

}  // namespace agent
