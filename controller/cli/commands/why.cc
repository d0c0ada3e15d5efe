#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/gather.h"
#include "controller/cli/judge.h"
#include "controller/cli/receipt.h"

namespace controller {
namespace {

constexpr size_t kFailures = 3;
constexpr ptrdiff_t kEventsOfGone = 5;

bool concerns(const Event& event, const Target& target) {
  return target.component.empty() || event.component.empty() || event.component == target.component;
}

std::vector<ComponentStatus> chosen(const ServiceDetail& detail, const Target& target) {
  std::vector<ComponentStatus> components;
  for (const ComponentStatus& one : detail.status.components)
    if (target.component.empty() || one.name == target.component) components.push_back(one);
  return components;
}

std::string component_text(const std::string& service, const ComponentStatus& component,
                           const Terminal& terminal) {
  const std::string state = component.ready && component.state == "running" ? "ready"
                            : component.ready                               ? "completed"
                                                                            : component.state;
  std::string text =
      terminal.paint(Colour::kBold, service + "/" + component.name) + "  " + state + "\n";
  if (!component.cause.empty()) text += "  cause      " + component.cause + "\n";
  if (!component.waiting_for.empty())
    text += (component.waiting_for.starts_with("the ") ? "  waits for  " : "  now        ") +
            component.waiting_for + "\n";
  if (component.rollout) {
    text += "  rollout    " + receipt(*component.rollout);
    if (component.rollout->begun)
      text += ", begun " + age(component.rollout->begun, now()) + " ago";
    text += "\n";
  }
  if (!component.last_exit.empty()) text += "  last exit  " + component.last_exit + "\n";
  for (const std::string& line : component.last_lines) text += "    | " + visible(line) + "\n";
  for (const Drift& drift : component.drift)
    text += "  drift      " + drift.field + ": expected " + drift.expected + ", is " +
            drift.actual + "\n";
  return text;
}

Json drift_document(const std::vector<Drift>& drift) {
  Json document = Json::array();
  for (const Drift& one : drift)
    document.push_back({{"field", one.field}, {"expected", one.expected}, {"actual", one.actual}});
  return document;
}

struct Findings {
  const Event* last = nullptr;
  std::vector<const Event*> failures;  // newest first
};

Findings look(const ServiceDetail& detail, const Target& target) {
  Findings found;
  for (auto it = detail.events.rbegin(); it != detail.events.rend(); ++it) {
    if (!concerns(*it, target)) continue;
    if (found.last == nullptr) found.last = &*it;
    if (it->type == "Warning" && found.failures.size() < kFailures) found.failures.push_back(&*it);
  }
  return found;
}

std::string describe(const ServiceDetail& detail, const Target& target, const Terminal& terminal) {
  const base::TimePoint at = now();
  const Findings found = look(detail, target);
  const Word word = word_of(detail.status);
  std::string text = terminal.paint(Colour::kBold, detail.status.name) + " is " + word.text;
  if (word.condition != nullptr) {
    if (word.condition->since) text += " for " + age(word.condition->since, at);
    text += ": " + word.condition->reason;
    if (!word.condition->message.empty()) text += ": " + word.condition->message;
  }
  text += "\n";
  if (detail.status.suspended)
    text += "suspended " + how_long(*detail.status.suspended, at) +
            "; the agent makes no change to it (mcp resume " + detail.status.name + ")\n";
  if (detail.status.hold)
    text += "held: " + detail.status.hold->reason + ": " + detail.status.hold->message + "\n";
  if (found.last != nullptr) {
    text += "\nlast event\n  " + describe_event(*found.last, terminal, at);
    if (!found.last->revision.empty())
      text += "  commit     " + short_revision(found.last->revision) + "\n";
  }
  for (const ComponentStatus& component : chosen(detail, target))
    text += "\n" + component_text(detail.status.name, component, terminal);
  if (!found.failures.empty()) text += "\nlast failures\n";
  for (const Event* event : found.failures) text += "  " + describe_event(*event, terminal, at);
  return text;
}

// A service that no agent has any more, and what is remembered of it.
std::string describe_gone(const ServiceDetail& detail, const std::string& node,
                          const Target& target, const Terminal& terminal) {
  std::vector<const Event*> events;
  for (const Event& event : detail.events)
    if (concerns(event, target)) events.push_back(&event);
  if (events.size() > kEventsOfGone) events.erase(events.begin(), events.end() - kEventsOfGone);
  std::string text = terminal.paint(Colour::kBold, detail.status.name) + " is gone: " + node +
                     " has neither a definition nor a container of it any more\n";
  if (!events.empty()) text += "\nlast events\n";
  for (const Event* event : events) text += "  " + describe_event(*event, terminal, now());
  return text + "\nmcp rollback " + detail.status.name + " brings its definition back\n";
}

Json event_document(const Event* event) {
  return event == nullptr ? Json() : Json::parse(event->document);
}

Json document_of(const ServiceDetail& detail, const std::string& node, const Target& target,
                 bool gone) {
  const Findings found = look(detail, target);
  Json document;
  document["service"] = detail.status.name;
  document["node"] = node;
  document["gone"] = gone;
  const Json whole = Json::parse(detail.document);
  for (const char* key : {"conditions", "hold", "suspended"})
    if (whole.contains(key)) document[key] = whole[key];
  document["components"] = Json::array();
  for (const ComponentStatus& one : chosen(detail, target))
    document["components"].push_back(
        {{"name", one.name},
         {"state", one.state},
         {"ready", one.ready},
         {"cause", one.cause},
         {"waitingFor", one.waiting_for},
         {"lastExit", one.last_exit},
         {"lastLines", one.last_lines},
         {"drift", drift_document(one.drift)},
         {"rollout", one.rollout ? receipt_document(one.name, *one.rollout) : Json()}});
  document["lastEvent"] = event_document(found.last);
  document["failures"] = Json::array();
  for (const Event* event : found.failures) document["failures"].push_back(event_document(event));
  return document;
}

Outcome why(Session& session, const std::string& name) {
  auto target = parse_target(name);
  if (!target) return target.error();
  const auto holder = find_holder(session, target->service);
  if (!holder && holder.error().code != base::Code::kNotFound) return holder.error();
  if (!holder) {
    const auto memory = find_memory(session, target->service);
    if (!memory) return holder.error();
    const std::string& node = memory->agent->label();
    session.emit(document_of(memory->detail, node, *target, true), {name},
                 [&] { return describe_gone(memory->detail, node, *target, session.terminal()); });
    return Exit::kDone;
  }
  MCP_TRY(const ServiceDetail detail, holder->agent->service(target->service));
  if (chosen(detail, *target).empty() && !target->component.empty())
    return base::not_found(target->service + " has no component '" + target->component + "'",
                           "mcp status " + target->service + " shows them");
  const std::string node = detail.status.node.empty() ? holder->agent->label() : detail.status.node;
  session.emit(document_of(detail, node, *target, false), {name},
               [&] { return describe(detail, *target, session.terminal()); });
  return Exit::kDone;
}

}  // namespace

Command why_command() {
  auto target = std::make_shared<std::string>();
  return {
      .name = "why",
      .summary = "Say what happened last, what caused it, and what is waited for",
      .example = "mcp why web\nmcp why web/api",
      .arguments = {{"SERVICE[/COMPONENT]", target.get(), "what to explain", Complete::kComponent}},
      .run = [target](Session& session) { return why(session, *target); },
  };
}

}  // namespace controller
