#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/gather.h"
#include "controller/cli/intent.h"
#include "controller/cli/interrupt.h"
#include "controller/cli/node_change.h"
#include "crds/edit.h"

namespace controller {
namespace {

using Clock = std::chrono::steady_clock;
using base::Millis;

constexpr Millis kAskAgain{1000};

struct Options {
  std::string name;
  bool wait = true;
};

// One service on its way.
struct Leg {
  NodeUse::Placed service;
  bool done = false;
  std::string text;  // how it stands
};

const ServiceStatus* find_service(const NodeStatus& node, const std::string& name) {
  for (const ServiceStatus& service : node.services)
    if (service.name == name) return &service;
  return nullptr;
}

// The node that is drained, and what is to leave it.
class Drain {
 public:
  Drain(std::string node, const NodeUse& use) : node_(std::move(node)) {
    for (const NodeUse::Placed& one : use.placed) {
      Leg leg{.service = one, .done = false, .text = ""};
      // Nobody but the operator moves these: they are said, and not waited for.
      (one.next.empty() || one.data ? staying_ : leaving_).push_back(std::move(leg));
    }
  }

  bool done() const {
    return std::all_of(leaving_.begin(), leaving_.end(), [](const Leg& leg) { return leg.done; });
  }
  const std::vector<Leg>& leaving() const { return leaving_; }
  const std::vector<Leg>& staying() const { return staying_; }

  void look(const Picture& picture, const Goal& goal) {
    for (Leg& leg : leaving_) look(leg, picture, goal);
  }

  std::vector<Progress::Row> rows() const {
    std::vector<Progress::Row> rows;
    for (const Leg& leg : leaving_)
      rows.push_back({leg.service.service, leg.text,
                      leg.done ? Progress::State::kDone : Progress::State::kBusy});
    return rows;
  }

  // Where data is, its node's agent knows: what it has no more is not there to stay, and what it
  // still has stays, wherever it is placed.
  void settle(const Picture& picture, const NodeUse& use) {
    for (const NodeStatus& node : picture.nodes) {
      if (node.node != node_) continue;
      std::erase_if(staying_, [&](const Leg& leg) {
        return leg.service.data && find_service(node, leg.service.service) == nullptr;
      });
      for (const ServiceStatus& service : node.services)
        if (!service.goes_to.empty() && !named(service.name, use))
          staying_.push_back({.service = {service.name, service.goes_to, true}, .text = ""});
    }
  }

  std::string unfinished() const {
    std::vector<std::string> names;
    for (const Leg& leg : leaving_)
      if (!leg.done) names.push_back(leg.service.service + " (" + leg.text + ")");
    return base::join(names, ", ");
  }

 private:
  bool named(const std::string& service, const NodeUse& use) const {
    const auto is_it = [&](const Leg& leg) { return leg.service.service == service; };
    return std::any_of(staying_.begin(), staying_.end(), is_it) ||
           std::any_of(leaving_.begin(), leaving_.end(), is_it) ||
           std::find(use.pinned.begin(), use.pinned.end(), service) != use.pinned.end();
  }

  void look(Leg& leg, const Picture& picture, const Goal& goal) const {
    const NodeStatus* there = nullptr;
    const NodeStatus* here = nullptr;
    for (const NodeStatus& node : picture.nodes) {
      if (node.node == leg.service.next) there = &node;
      if (node.node == node_) here = &node;
    }
    leg.done = false;
    const std::string way = node_ + " -> " + leg.service.next + ": ";
    if (there == nullptr) {
      leg.text = way + "the agent of " + leg.service.next + " does not answer";
      return;
    }
    const ServiceStatus* service = find_service(*there, leg.service.service);
    const bool planned = there->revision == goal.revision ||
                         (goal.contains && goal.contains(there->revision, goal.revision));
    const Word word = service == nullptr ? Word{} : summarise(service->conditions);
    if (!planned || service == nullptr || word.text != "Ready") {
      const bool said = service != nullptr && word.condition != nullptr;
      leg.text = way + (said ? word.condition->reason + ": " + word.condition->message
                             : "waiting for " + leg.service.next + " to take it up");
      return;
    }
    if (here != nullptr && find_service(*here, leg.service.service) != nullptr) {
      leg.text = way + "Ready there; " + node_ + " is letting go of it";
      return;
    }
    leg.done = true;
    leg.text = way + "Ready there";
  }

  std::string node_;
  std::vector<Leg> leaving_;
  std::vector<Leg> staying_;
};

enum class End { kDone, kTimedOut, kInterrupted };

End wait_until_left(Session& session, Drain& drain, const Goal& goal, Picture& picture) {
  const auto progress = session.progress();
  Interrupt interrupt;
  const Millis limit = wait_limit(session);
  const auto start = Clock::now();
  for (;;) {
    if (auto taken = take_picture(session)) picture = std::move(*taken);
    drain.look(picture, goal);
    progress->show(drain.rows());
    if (drain.done()) return End::kDone;
    Millis pause = kAskAgain;
    if (limit.count() > 0) {
      const auto left = limit - std::chrono::duration_cast<Millis>(Clock::now() - start);
      if (left <= Millis(0)) return End::kTimedOut;
      pause = std::min(pause, left);
    }
    if (interrupt.wait(pause)) return End::kInterrupted;
  }
}

base::Result<NodeCommit> commit_schedulable(Session& session, const Definitions& definitions,
                                            const std::string& name, bool schedulable) {
  ChangeRequest change;
  MCP_TRY(change.path, node_path(definitions, name));
  change.message = std::string("node ") + (schedulable ? "uncordon " : "drain ") + name;
  change.edit = [node = crds::NodeName(name), schedulable](std::string_view path,
                                                           std::string_view text) {
    return crds::set_schedulable(path, text, node, schedulable);
  };
  return commit_node(session, change);
}

Json legs_document(const std::vector<Leg>& legs) {
  Json out = Json::array();
  for (const Leg& leg : legs)
    out.push_back({{"service", leg.service.service},
                   {"to", leg.service.next.empty() ? Json() : Json(leg.service.next)},
                   {"data", leg.service.data},
                   {"ready", leg.done},
                   {"message", leg.text}});
  return out;
}

std::string staying_lines(const std::string& name, const Drain& drain, const NodeUse& use) {
  std::string text;
  for (const Leg& leg : drain.staying()) {
    const std::string& service = leg.service.service;
    text += leg.service.next.empty()
                ? service + " stays: no other schedulable node has the labels of its placement\n"
                : service + " stays until its data is moved to " + leg.service.next +
                      ": mcp stop " + service + ", mcp pull and mcp push --node " +
                      leg.service.next + " for its files, mcp start " + service + " --here\n";
  }
  for (const std::string& service : use.pinned)
    text += service + " stays: its definition names " + name + "\n";
  return text;
}

Outcome drain_node(Session& session, const Options& options) {
  MCP_TRY(const Definitions definitions, current_definitions(session));
  const NodeUse use = use_of(definitions, options.name);
  MCP_TRY(const NodeCommit done, commit_schedulable(session, definitions, options.name, false));
  Drain drain(options.name, use);
  Picture picture;
  End end = End::kDone;
  if (options.wait) end = wait_until_left(session, drain, done.goal, picture);
  drain.settle(picture, use);
  const bool stays = !drain.staying().empty() || !use.pinned.empty();
  Json document = node_document(options.name, done);
  document["moved"] = legs_document(drain.leaving());
  document["staying"] = legs_document(drain.staying());
  document["pinned"] = use.pinned;
  document["unreachable"] = unreachable_document(picture);
  session.emit(document, {options.name}, [&] {
    std::string text = staying_lines(options.name, drain, use);
    if (end == End::kDone && !session.globals().quiet)
      text += "node " + options.name +
              (!options.wait ? " takes nothing new; not waiting for what leaves it\n"
               : stays       ? " takes nothing new; what could leave it has left\n"
                             : " is drained\n");
    return text;
  });
  const std::string hint = "the commit stands: run the command again to wait on, or mcp status";
  if (end == End::kTimedOut)
    return Failure{
        Exit::kTimedOut,
        base::make_error(base::Code::kTimeout,
                         "node " + options.name + " is not drained after " +
                             base::to_duration(wait_limit(session)) + ": " + drain.unfinished(),
                         hint)};
  if (end == End::kInterrupted)
    return Failure{Exit::kInterrupted,
                   base::make_error(base::Code::kInternal,
                                    "stopped waiting for the drain of " + options.name, hint)};
  if (!done.unreached.empty() || !picture.unreachable.empty())
    return warn_unreachable(session, picture, Exit::kUnreachable);
  return options.wait && stays ? Exit::kNotReady : Exit::kDone;
}

Outcome uncordon(Session& session, const std::string& name) {
  MCP_TRY(const Definitions definitions, current_definitions(session));
  const NodeUse use = use_of(definitions, name);
  MCP_TRY(const NodeCommit done, commit_schedulable(session, definitions, name, true));
  std::vector<std::string> coming;
  for (const NodeUse::Placed& one : use.placed) coming.push_back(one.service);
  Json document = node_document(name, done);
  document["placed"] = coming;
  session.emit(document, {name}, [&] {
    if (session.globals().quiet) return std::string();
    return "node " + name + " takes services again" +
           (coming.empty() ? "" : "; placed there: " + base::join(coming, ", ")) + "\n";
  });
  return done.unreached.empty() ? Exit::kDone : Exit::kUnreachable;
}

}  // namespace

Command node_drain_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "node drain",
      .summary =
          "Commit that a node takes nothing new, and wait until what is placed there has left",
      .details =
          "Sets `schedulable = false`. Services that name the node stay. A service with data "
          "stays\n"
          "until the data has been moved: it is named, and the command exits with 4.",
      .example = "mcp node drain rift\nmcp node drain rift --timeout 10m",
      .arguments = {{"NAME", &options->name, "the node", Complete::kNode}},
      .flags = {{"--wait,!--no-wait", &options->wait, "", "wait until they have left (default)"}},
      .run = [options](Session& session) { return drain_node(session, *options); },
  };
}

Command node_uncordon_command() {
  auto name = std::make_shared<std::string>();
  return {
      .name = "node uncordon",
      .summary = "Commit that services may be placed on a node again",
      .details = "Sets `schedulable = true`, which undoes `mcp node drain`.",
      .example = "mcp node uncordon rift",
      .arguments = {{"NAME", name.get(), "the node", Complete::kNode}},
      .run = [name](Session& session) { return uncordon(session, *name); },
  };
}

}  // namespace controller
