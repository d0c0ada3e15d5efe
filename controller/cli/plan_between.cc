#include "controller/cli/plan_between.h"

#include <nlohmann/json.hpp>
#include <set>

#include "controller/cli/document.h"
#include "reconciler/conditions.h"
#include "reconciler/preview.h"
#include "reconciler/resolve.h"

namespace controller {
namespace {

using reconciler::Desired;
using reconciler::NodeName;

// Every node that either tree speaks of. Where none is named, there is one, whatever its name.
std::set<NodeName> nodes_of(const crds::Tree& now, const crds::Tree& then) {
  std::set<NodeName> out;
  for (const crds::Tree* tree : {&now, &then}) {
    for (const auto& [name, node] : tree->nodes) out.insert(name);
    for (const auto& [name, service] : tree->services)
      if (!service.value.node.empty()) out.insert(service.value.node);
  }
  if (out.empty()) out.insert(NodeName("node"));
  return out;
}

PlanChange change_of(const reconciler::Change& change) {
  PlanChange out{change.key.service.str(),
                 change.key.component.str(),
                 std::string(reconciler::name(change.action)),
                 change.downtime,
                 {}};
  for (const reconciler::FieldChange& field : change.fields)
    out.fields.push_back({field.field, field.from, field.to});
  return out;
}

PlanProblem problem_of(const crds::Diagnostic& one) {
  return {one.at.file, one.at.line, one.at.column, one.field, one.message, one.hint, one.text()};
}

// The lists of POST /v1/plan that are passed on as they are.
std::string document_of(const PlanDocument& plan) {
  Json problems = Json::array(), held = Json::array();
  for (const PlanProblem& one : plan.problems)
    problems.push_back({{"file", one.file},
                        {"line", one.line},
                        {"column", one.column},
                        {"field", one.field},
                        {"message", one.message},
                        {"hint", one.hint},
                        {"text", one.text}});
  for (const PlanHold& one : plan.held)
    held.push_back({{"service", one.service}, {"reason", one.reason}, {"message", one.message}});
  return Json{{"problems", problems}, {"held", held}}.dump();
}

}  // namespace

std::vector<NodePlan> plan_between(const Definitions& now, const Definitions& then) {
  const auto snapshot = [](const Definitions& of) {
    return reconciler::Snapshot{reconciler::Revision(of.revision), of.tree};
  };
  std::vector<NodePlan> out;
  for (const NodeName& node : nodes_of(now.tree, then.tree)) {
    NodePlan one{node.str(), {}};
    const Desired before = reconciler::resolve(snapshot(now), node, nullptr, true);
    const auto after = [&](bool approve) {
      return reconciler::resolve(snapshot(then), node, &before, approve);
    };
    for (const reconciler::Change& change : reconciler::preview(before, after(true)))
      one.plan.changes.push_back(change_of(change));
    for (const auto& [name, service] : after(false).services)
      if (service.hold && service.hold->reason != reconciler::reason::kInvalidDefinition)
        one.plan.held.push_back({name.str(), service.hold->reason, service.hold->message});
    for (const crds::Diagnostic& problem : then.tree.problems)
      one.plan.problems.push_back(problem_of(problem));
    one.plan.valid = one.plan.problems.empty();
    one.plan.document = document_of(one.plan);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace controller
