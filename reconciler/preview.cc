#include "reconciler/preview.h"

#include <set>

#include "reconciler/normalise.h"

namespace reconciler {
namespace {

struct Side {
  const ServiceDesired* service = nullptr;
  const ComponentDesired* component = nullptr;
};

Side find(const Desired& desired, const ComponentKey& key) {
  const auto service = desired.services.find(key.service);
  if (service == desired.services.end()) return {};
  const auto component = service->second.components.find(key.component);
  if (component == service->second.components.end()) return {};
  return {&service->second, &component->second};
}

std::set<ComponentKey> keys(const Desired& desired) {
  std::set<ComponentKey> out;
  for (const auto& [service_name, service] : desired.services)
    for (const auto& [component_name, component] : service.components)
      out.insert({service_name, component_name});
  return out;
}

Fields fields_of(const Side& side) {
  return container_fields(side.component->spec, side.service->definition.restarted_at);
}

std::optional<Change> change_of(const ComponentKey& key, const Side& now, const Side& then) {
  Change change{.key = key};
  if (then.component == nullptr) {
    change.action = Change::Action::kRemove;
    change.downtime = now.service != nullptr && now.service->definition.active;
    return change;
  }
  const bool runs = now.component != nullptr && now.service->definition.active;
  const bool shall_run = then.service->definition.active;
  if (now.component == nullptr) {
    if (!shall_run) return std::nullopt;
    change.action = Change::Action::kCreate;
    return change;
  }
  change.fields = diff(fields_of(now), fields_of(then));
  const bool replace = !change.fields.empty();
  for (FieldChange& field :
       diff(agent_fields(now.component->spec), agent_fields(then.component->spec)))
    change.fields.push_back(std::move(field));
  if (runs != shall_run) {
    change.action = shall_run ? Change::Action::kStart : Change::Action::kStop;
    change.downtime = !shall_run;
    return change;
  }
  if (change.fields.empty()) return std::nullopt;
  change.action = replace && shall_run ? Change::Action::kReplace : Change::Action::kUpdate;
  change.downtime = replace && shall_run && !then.component->rolls;
  return change;
}

}  // namespace

std::string_view name(Change::Action action) {
  switch (action) {
    case Change::Action::kCreate:
      return "create";
    case Change::Action::kReplace:
      return "replace";
    case Change::Action::kUpdate:
      return "update";
    case Change::Action::kRemove:
      return "remove";
    case Change::Action::kStop:
      return "stop";
    case Change::Action::kStart:
      return "start";
  }
  return "change";
}

std::vector<Change> preview(const Desired& now, const Desired& then) {
  std::set<ComponentKey> all = keys(now);
  all.merge(keys(then));
  std::vector<Change> changes;
  for (const ComponentKey& key : all)
    if (auto change = change_of(key, find(now, key), find(then, key)))
      changes.push_back(std::move(*change));
  return changes;
}

}  // namespace reconciler
