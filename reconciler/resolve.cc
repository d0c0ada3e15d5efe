#include "reconciler/resolve.h"

#include <algorithm>
#include <limits>

#include "base/core/text.h"
#include "reconciler/conditions.h"
#include "reconciler/handover.h"
#include "reconciler/normalise.h"
#include "reconciler/placement.h"
#include "reconciler/prune_guard.h"

namespace reconciler {
namespace {

std::string short_id(const Revision& revision) {
  return revision.str().substr(0, 7);
}

std::string all_text(const std::vector<crds::Diagnostic>& problems) {
  std::vector<std::string> parts;
  for (const crds::Diagnostic& problem : problems) parts.push_back(problem.text());
  return base::join(parts, "; ");
}

std::string cause_of(const Fields& fields, const std::string& where, const crds::Component* before,
                     const std::optional<TimePoint>& restarted_before) {
  if (before == nullptr) return "new" + where;
  return text(diff(container_fields(*before, restarted_before), fields)) + where;
}

ServiceDesired complete_service(const crds::Located<crds::Service>& located,
                                const crds::Fleet& fleet, const Revision& revision,
                                const ServiceDesired* before) {
  ServiceDesired out;
  out.definition = located.value;
  out.path = located.name_at.file;
  const bool same = before != nullptr && before->definition == located.value;
  // With the same words, what is meant can only have changed by the fleet's defaults.
  const std::string where =
      " (commit " + short_id(revision) + ", " + (same ? "fleet.toml" : out.path) + ")";
  bool same_meaning = same;
  for (const crds::Component& component : located.value.components) {
    ComponentDesired desired;
    desired.spec = complete(component, located.value, fleet);
    const Fields fields = container_fields(desired.spec, located.value.restarted_at);
    desired.spec_hash = spec_hash(fields);
    desired.wish = spec_hash(agent_fields(desired.spec));
    desired.rolls = can_roll(desired.spec);
    const ComponentDesired* old = nullptr;
    if (before != nullptr) {
      const auto found = before->components.find(component.name);
      if (found != before->components.end()) old = &found->second;
    }
    if (old != nullptr && old->spec_hash == desired.spec_hash)
      desired.cause = old->cause;
    else
      desired.cause = cause_of(fields, where, old == nullptr ? nullptr : &old->spec,
                               before == nullptr ? std::nullopt : before->definition.restarted_at);
    same_meaning = same_meaning && old != nullptr && old->spec == desired.spec;
    out.components.emplace(component.name, std::move(desired));
  }
  out.revision = same_meaning ? before->revision : revision;
  return out;
}

// An http or tcp check comes from outside the container.
bool lacks_port_to_check(const crds::Component& component) {
  return component.health && !std::holds_alternative<crds::CmdCheck>(component.health->check) &&
         component.network != "host" && component.ports.empty() && component.routes.empty();
}

// Why the completed service cannot run, or nothing.
std::optional<std::string> unfit(const ServiceDesired& service) {
  for (const auto& [component_name, component] : service.components) {
    if (lacks_port_to_check(component.spec))
      return service.path + ": components[" + component_name.str() +
             "].health: an http or tcp check needs a published port or a route (add one, or check "
             "with cmd)";
    if (component.spec.network == "host" && !component.spec.ports.empty())
      return service.path + ": components[" + component_name.str() +
             "].ports: cannot be published from the host's network, which is fleet.toml's (remove "
             "ports, or name another network)";
    if (component.spec.image.empty())
      return service.path + ": components[" + component_name.str() +
             "].image: is not set, and fleet.toml names no registry to derive it from (set image, "
             "or registry in fleet.toml)";
  }
  return std::nullopt;
}

// What the completed service asks for and may not have, or nothing.
std::optional<std::string> forbidden(const ServiceDesired& service, const NodeName& node,
                                     const Policy& policy) {
  std::vector<std::string> found;
  for (const auto& [component_name, component] : service.components)
    for (const std::string& violation : violations(component.spec, policy))
      found.push_back("components[" + component_name.str() + "]." + violation);
  if (found.empty()) return std::nullopt;
  return service.path + ": " + base::join(found, "; ") +
         " (ask for less, or let whoever runs node " + node.str() +
         " widen [policy] in the configuration of its agent)";
}

class Resolver {
 public:
  Resolver(const Snapshot& snapshot, const NodeName& self, const Desired* previous, bool approve,
           const Policy& policy)
      : snapshot_(snapshot), previous_(previous), approve_(approve), policy_(policy) {
    out_.node = self;
    out_.revision = snapshot.revision;
    out_.approved_removals = approve ? std::numeric_limits<int>::max() : snapshot.approved_removals;
  }

  Desired run() && {
    const crds::Tree& tree = snapshot_.tree;
    const bool unclear = tree.services.empty() || !tree.problems.empty() || !tree.broken.empty();
    out_.doubtful = unclear && !approve_ && (previous_ == nullptr || previous_->doubtful);
    if (tree.fleet_broken && previous_ != nullptr)
      out_.fleet = previous_->fleet;
    else if (tree.fleet)
      out_.fleet = *tree.fleet;
    if (tree.nodes_broken && previous_ != nullptr) {
      out_.nodes = previous_->nodes;
    } else {
      for (const auto& [node_name, node] : tree.nodes) out_.nodes.emplace(node_name, node.value);
    }
    // Without a fleet or nodes that were once good, their defaults and labels can only be guessed.
    defaults_unknown_ = tree.fleet_broken && previous_ == nullptr;
    places_unknown_ = tree.nodes_broken && previous_ == nullptr;
    for (const auto& [service_name, located] : tree.services)
      if (!tree.broken.contains(service_name)) take(service_name, located);
    for (const auto& [service_name, problems] : tree.broken)
      hold(service_name, reason::kInvalidDefinition, all_text(problems));
    hold_by_path();
    keep_edges();
    guard_removals();
    for (const crds::Diagnostic& problem : tree.problems) {
      const bool of_a_service =
          std::any_of(tree.broken.begin(), tree.broken.end(), [&](const auto& broken) {
            return std::find(broken.second.begin(), broken.second.end(), problem) !=
                   broken.second.end();
          });
      if (!of_a_service) out_.problems.push_back(problem.text());
    }
    return std::move(out_);
  }

 private:
  const ServiceDesired* before(const ServiceName& service) const {
    if (previous_ == nullptr) return nullptr;
    const auto found = previous_->services.find(service);
    return found == previous_->services.end() ? nullptr : &found->second;
  }

  void take(const ServiceName& service, const crds::Located<crds::Service>& located) {
    if (places_unknown_ && located.value.node.empty())
      return hold(service, reason::kInvalidDefinition,
                  "names no node, and the node files cannot be read (mend the node files)");
    const NodeName placed = place(located.value, out_.nodes, out_.node);
    // Data stays where it is until somebody says that it has moved, and the service with it.
    const NodeName node = data_node(located.value, placed);
    if (node.empty()) {
      keep_edges_of(service);
      return hold(service, reason::kNoMatchingNode,
                  located.name_at.file +
                      ": no schedulable node has the labels of its placement; it "
                      "runs on where it runs (add a node, or correct placement.labels)");
    }
    if (node != out_.node) forward(located, node);
    if (node != out_.node && placed != out_.node) return hand_over(located, node);
    if (defaults_unknown_)
      return hold(service, reason::kInvalidDefinition,
                  "the fleet's defaults cannot be read, and no earlier ones are known (mend "
                  "fleet.toml)");
    ServiceDesired desired =
        complete_service(located, out_.fleet, snapshot_.revision, before(service));
    if (const auto why = unfit(desired))
      hold(service, reason::kInvalidDefinition, *why);
    else if (const auto what = forbidden(desired, out_.node, policy_))
      hold(service, reason::kPolicyViolation, *what);
    else {
      if (node != out_.node) desired.data_on = node;
      if (placed != out_.node) desired.goes_to = placed;
      out_.services.emplace(service, std::move(desired));
    }
  }

  // Where the service runs as things stand: with data where that is, else where it is placed.
  NodeName data_node(const crds::Service& service, const NodeName& placed) const {
    if (placed.empty() || !keeps_data(service)) return placed;
    // What was seen here is surer than history, of which the beginning may be missing.
    const ServiceDesired* last = before(service.name);
    if (last != nullptr && keeps_data(last->definition) &&
        last->definition.restarted_at == service.restarted_at)
      return last->data_on.empty() ? out_.node : last->data_on;
    const auto known = snapshot_.data_nodes.find(service.name);
    return known == snapshot_.data_nodes.end() ? placed : known->second;
  }

  // It is `node`'s now. Without data it is served here until it is ready there.
  void hand_over(const crds::Located<crds::Service>& located, const NodeName& node) {
    if (previous_ == nullptr && !keeps_data(located.value))
      out_.elsewhere.insert(located.value.name);
    const ServiceDesired* last = before(located.value.name);
    if (last == nullptr || !last->data_on.empty() || !last->definition.active ||
        !located.value.active || approve_ || keeps_data(last->definition))
      return;
    ServiceDesired kept = *last;
    kept.hold.reset();
    kept.definition.suspend = located.value.suspend;
    kept.goes_to = node;
    out_.services.emplace(located.value.name, std::move(kept));
    begin_handover(located, node);
  }

  void begin_handover(const crds::Located<crds::Service>& located, const NodeName& node) {
    out_.handovers.insert_or_assign(
        located.value.name, handover_of(located.value, node, out_.node, out_.fleet, out_.nodes));
  }

  // Another node has it, and this one may be the edge of its routes.
  void forward(const crds::Located<crds::Service>& located, const NodeName& node) {
    const auto there = out_.nodes.find(node);
    for (const crds::Component& written : located.value.components) {
      const crds::Component component = complete(written, located.value, out_.fleet);
      for (const crds::Route& route : component.routes) {
        if (route.edge != out_.node.str() || route.hostname.empty()) continue;
        Desired::Edge edge;
        edge.spec.key = {route.port, route.hostname};
        // No component has such a name.
        edge.key = {located.value.name, ComponentName("edge:" + edge.spec.key.text())};
        if (there == out_.nodes.end() || there->second.address.empty()) {
          out_.problems.push_back(located.name_at.file + ": the edge of " + route.hostname +
                                  " needs the address of node '" + node.str() + "' (write nodes/" +
                                  node.str() + ".toml)");
          keep_edge(edge.key);
          continue;
        }
        const std::string& address = there->second.address;
        const bool v6 = address.find(':') != std::string::npos;
        edge.spec.backend = (v6 ? "[" + address + "]" : address) + ":" + std::to_string(route.port);
        edge.spec.protocol = crds::Route::Protocol::kTls;
        edge.spec.send_proxy_protocol = true;
        edge.revision = snapshot_.revision;
        edge.node = node;
        follow_handover(located, edge);
        out_.edges.push_back(std::move(edge));
      }
    }
  }

  // The edge of a service that has gone from one node to another leads to the first until the
  // second has it ready.
  void follow_handover(const crds::Located<crds::Service>& located, Desired::Edge& edge) {
    if (previous_ == nullptr || approve_ || !located.value.active) return;
    for (const Desired::Edge& last : previous_->edges) {
      if (last.key != edge.key || last.node.empty()) continue;
      const bool moved = last.node != edge.node;
      edge.former = moved && last.former.empty() ? last.spec.backend : last.former;
      if (edge.former == edge.spec.backend) edge.former.clear();
    }
    if (!edge.former.empty()) begin_handover(located, edge.node);
  }

  // Where the service is, is not known any more, and it runs on where it ran.
  void keep_edge(const ComponentKey& key) {
    if (previous_ == nullptr) return;
    for (const Desired::Edge& edge : previous_->edges)
      if (edge.key == key) out_.edges.push_back(edge);
  }

  void keep_edges_of(const ServiceName& service) {
    if (previous_ == nullptr) return;
    for (const Desired::Edge& edge : previous_->edges)
      if (edge.key.service == service) out_.edges.push_back(edge);
  }

  // What cannot be read may be where they came from, and an emptied tree is hardly meant.
  void keep_edges() {
    if (previous_ == nullptr || approve_) return;
    const crds::Tree& tree = snapshot_.tree;
    for (const Desired::Edge& edge : previous_->edges) {
      const bool said =
          tree.services.contains(edge.key.service) && !tree.broken.contains(edge.key.service);
      if (!said && (!tree.problems.empty() || !tree.broken.empty() || tree.services.empty()))
        out_.edges.push_back(edge);
    }
  }

  void hold(const ServiceName& service, const char* why, std::string message) {
    if (const ServiceDesired* last_good = before(service)) {
      ServiceDesired kept = *last_good;
      kept.hold = {why, std::move(message)};
      out_.services.insert_or_assign(service, std::move(kept));
    } else {
      out_.unusable.emplace(service, std::move(message));
      if (why == std::string_view(reason::kPolicyViolation)) out_.refused.insert(service);
    }
  }

  // A file that cannot be read may not even say the name of its service: what came from it before
  // stays.
  void hold_by_path() {
    if (previous_ == nullptr) return;
    std::map<std::string, std::vector<crds::Diagnostic>> by_path;
    for (const crds::Diagnostic& problem : snapshot_.tree.problems)
      by_path[problem.at.file].push_back(problem);
    for (const auto& [service, desired] : previous_->services) {
      const auto broken = by_path.find(desired.path);
      if (broken == by_path.end() || out_.services.contains(service) ||
          snapshot_.tree.services.contains(service))
        continue;
      hold(service, reason::kInvalidDefinition, all_text(broken->second));
      std::erase_if(out_.unusable, [&](const auto& unusable) {
        return unusable.second == all_text(broken->second);
      });
    }
  }

  void guard_removals() {
    if (previous_ == nullptr) return;
    std::vector<ServiceName> removed;
    bool held = false;
    for (const auto& [service, desired] : previous_->services)
      if (!snapshot_.tree.services.contains(service) && !out_.services.contains(service)) {
        removed.push_back(service);
        held |= desired.hold && desired.hold->reason == reason::kPruneHeld;
      }
    const size_t all = previous_->services.size();
    auto why = removals_held(out_, removed.size(), all,
                             snapshot_.tree.services.empty() ? kNoneIsLeft : "");
    // That there is more of others since, or less of them, is nobody's word.
    const bool allows_more = out_.fleet.prune_max > previous_->fleet.prune_max ||
                             out_.fleet.prune_percent > previous_->fleet.prune_percent;
    if (!why && held && !allows_more) why = removals_held(out_, removed.size(), all, kHeldBefore);
    if (!why) return;
    for (const ServiceName& service : removed) hold(service, reason::kPruneHeld, *why);
  }

  const Snapshot& snapshot_;
  const Desired* previous_;
  bool approve_;
  const Policy& policy_;
  bool defaults_unknown_ = false;
  bool places_unknown_ = false;
  Desired out_;
};

}  // namespace

Desired resolve(const Snapshot& snapshot, const NodeName& self, const Desired* previous,
                bool approve_removals, const Policy& policy) {
  return Resolver(snapshot, self, previous, approve_removals, policy).run();
}

}  // namespace reconciler
