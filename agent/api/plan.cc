#include <nlohmann/json.hpp>

#include "agent/api/documents.h"
#include "agent/api/handlers.h"
#include "crds/decode.h"
#include "reconciler/conditions.h"
#include "reconciler/preview.h"
#include "reconciler/resolve.h"

namespace agent {
namespace {

using reconciler::Desired;
using reconciler::ServiceName;

// A tree as it would be fetched: only definitions are read, as in a repository.
base::Result<std::map<std::string, crds::DecodedFile>> decode_body(const std::string& text) {
  const Json body = Json::parse(text, nullptr, false);
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

std::map<ServiceName, crds::Service> last_good(const Desired& desired) {
  std::map<ServiceName, crds::Service> out;
  for (const auto& [name, service] : desired.services) out.emplace(name, service.definition);
  return out;
}

// What would not come into force, though it is valid.
Json held_json(const Desired& desired) {
  Json held = Json::array();
  const auto add = [&](const ServiceName& service, const std::string& why,
                       const std::string& message) {
    held.push_back({{"service", service.str()}, {"reason", why}, {"message", message}});
  };
  using namespace reconciler::reason;
  for (const auto& [name, service] : desired.services)
    if (service.hold && service.hold->reason != kInvalidDefinition)
      add(name, service.hold->reason, service.hold->message);
  for (const ServiceName& name : desired.refused)
    add(name, kPolicyViolation, desired.unusable.at(name));
  return held;
}

}  // namespace

Handlers::Reply Handlers::plan(const Request& request) {
  MCP_TRY(const auto files, decode_body(request.body));
  const View view = backend_.view();
  const Desired& now = view.desired;
  const reconciler::Snapshot wish{now.revision, crds::check_tree(files, last_good(now))};
  const Desired* previous = now.revision.empty() ? nullptr : &now;
  const auto resolved = [&](bool approve) {
    return reconciler::resolve(wish, now.node, previous, approve, view.policy);
  };

  Json problems = Json::array(), changes = Json::array();
  for (const auto& problem : wish.tree.problems) problems.push_back(problem_json(problem));
  for (const auto& change : reconciler::preview(now, resolved(true)))
    changes.push_back(change_json(change));
  // The changes are those that the tree means; what the prune guard would hold is said beside.
  const Json held = held_json(resolved(false));
  return base::HttpReply::json(to_body(
      {{"valid", problems.empty()}, {"problems", problems}, {"changes", changes}, {"held", held}}));
}

}  // namespace agent
