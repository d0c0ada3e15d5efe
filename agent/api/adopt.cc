#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/adopt/proposal.h"
#include "agent/api/documents.h"
#include "agent/api/handlers.h"
#include "crds/print.h"
#include "reconciler/adoption.h"
#include "reconciler/resolve.h"

namespace agent {

using reconciler::ComponentKey;
using reconciler::ContainerId;
using reconciler::Desired;
using reconciler::ServiceName;

namespace {

std::set<ContainerId> ours(const View& view) {
  std::set<ContainerId> ids;
  for (const auto& [id, container] : view.observed.containers)
    if (container.owner) ids.insert(id);
  return ids;
}

Json losses_json(const std::vector<Loss>& losses) {
  Json out = Json::array();
  for (const Loss& loss : losses)
    out.push_back(
        {{"field", loss.field}, {"value", loss.value}, {"consequence", loss.consequence}});
  return out;
}

Json proposal_json(const Proposal& proposal) {
  Json components = Json::array(), left_out = Json::array(), managers = Json::array();
  for (const ProposedPart& part : proposal.parts)
    components.push_back({{"name", part.container.component},
                          {"containerId", part.container.id.str()},
                          {"containerName", part.container.name},
                          {"startedAt", part.container.started_at == base::TimePoint()
                                            ? Json()
                                            : Json(base::to_rfc3339(part.container.started_at))},
                          {"losses", losses_json(part.losses)}});
  for (const LeftOut& one : proposal.left_out)
    left_out.push_back({{"containerName", one.container}, {"reason", one.why}});
  for (const Manager& one : proposal.managers)
    managers.push_back({{"kind", one.kind}, {"name", one.name}, {"advice", one.advice}});
  return {{"service", proposal.definition.name.str()},
          {"node", proposal.definition.node.str()},
          {"toml", proposal.parts.empty() ? std::string() : crds::to_toml(proposal.definition)},
          {"components", components},
          {"leftOut", left_out},
          {"managers", managers},
          {"otherContainers", proposal.others}};
}

// The service as this node would have it if that tree were in force.
base::Result<reconciler::ServiceDesired> resolved(const Tree& files, const ServiceName& name,
                                                  const View& view) {
  const Desired& now = view.desired;
  const reconciler::Snapshot wish = snapshot_of(files, now);
  const Desired then =
      reconciler::resolve(wish, now.node, now.revision.empty() ? nullptr : &now, true, view.policy);
  if (const auto bad = then.unusable.find(name); bad != then.unusable.end())
    return base::invalid("the definition of " + name.str() +
                         " cannot come into force: " + bad->second);
  const auto found = then.services.find(name);
  if (found == then.services.end())
    return base::invalid("the definitions do not place " + name.str() + " on " + now.node.str());
  if (found->second.hold)
    return base::invalid("the definition of " + name.str() +
                         " cannot come into force: " + found->second.hold->message);
  return found->second;
}

struct Facts {
  bool in_pod = false;
  std::vector<std::string> image_names;
};

base::Result<Facts> facts_of(const ContainerId& id, RuntimeDocuments& podman) {
  MCP_TRY(const std::string text, podman.container_document(id.str()));
  const Json container = Json::parse(text, nullptr, false);
  if (!container.is_object())
    return base::make_error(base::Code::kCorrupt, "cannot read what podman says of a container");
  MCP_TRY(const std::string image, podman.image_document(container.value("Image", "")));
  MCP_TRY(Reproduction reproduction, reproduce(text, image, {}));
  return Facts{!container.value("Pod", "").empty(), std::move(reproduction.image_names)};
}

}  // namespace

Handlers::Reply Handlers::adopt(const Request& request) {
  const ServiceName service(request.captures.at("service"));
  MCP_TRY(const auto wanted, read_adoption(request.body));
  return wanted ? accept_adoption(service, *wanted) : propose_adoption(service);
}

Handlers::Reply Handlers::propose_adoption(const ServiceName& service) {
  const View view = backend_.view();
  if (const auto known = view.desired.services.find(service); known != view.desired.services.end())
    return base::make_error(base::Code::kConflict,
                            service.str() + " is managed already, by " + known->second.path,
                            "add a component to that definition instead");
  MCP_TRY(const Proposal proposal, propose(service, view.desired.node, view.desired.fleet,
                                           ours(view), backend_.documents()));
  return base::HttpReply::json(to_body(proposal_json(proposal)));
}

Handlers::Reply Handlers::accept_adoption(const ServiceName& service, const AdoptionBody& body) {
  const View view = backend_.view();
  MCP_TRY(const reconciler::ServiceDesired definition, resolved(body.files, service, view));
  std::map<ComponentKey, reconciler::Adoption> adoptions;
  Json components = Json::array();
  for (const auto& [name, id] : body.components) {
    const ComponentKey key{service, reconciler::ComponentName(name)};
    const auto component = definition.components.find(key.component);
    if (component == definition.components.end())
      return base::invalid("the definition of " + service.str() + " has no component '" + name +
                           "'");
    const auto container = view.observed.containers.find(id);
    if (container == view.observed.containers.end())
      return base::not_found("no container " + id.str().substr(0, 12) + " is on " +
                             view.desired.node.str());
    MCP_TRY(const Facts facts, facts_of(id, backend_.documents()));
    MCP_TRY(
        const reconciler::Adoption adoption,
        reconciler::accept_adoption(key, view.desired.node, component->second, container->second,
                                    facts.in_pod, facts.image_names, view.at));
    adoptions.emplace(key, adoption);
    components.push_back({{"name", name},
                          {"containerId", id.str()},
                          {"containerName", container->second.name},
                          {"specHash", adoption.spec_hash}});
  }
  MCP_CHECK(backend_.accept(adoptions));
  return base::HttpReply::json(
      to_body({{"service", service.str()},
               {"node", view.desired.node.str()},
               {"components", components},
               {"seconds",
                std::chrono::floor<std::chrono::seconds>(reconciler::kAdoptionTime).count()}}),
      202);
}

}  // namespace agent
