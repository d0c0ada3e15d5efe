#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/cli/progress.h"
#include "controller/fleet/documents.h"

// Whether what was wanted has come true: a pure look at what the agents say.
namespace controller {

struct Goal {
  std::string service;     // empty: all services
  std::string revision;    // the commit that carries the wish; empty: whatever is in force
  bool removed = false;    // the service shall be gone, containers and all
  bool suspended = false;  // the service shall be suspended, however it stands
  // The sync that each node (by agent label) was asked for: what it says before that is old.
  std::map<std::string, int64_t> syncs;
  // Whether the first revision has the second one in its past; used when they differ.
  std::function<bool(const std::string&, const std::string&)> contains;
};

// What one node says, under the name that the session knows it by.
struct Report {
  std::string label;
  base::Result<NodeStatus> status;
};

struct Verdict {
  enum class State {
    kWaiting,
    kDone,
    kFailing,  // it does not work now, and the agent keeps trying
    kFailed,   // it cannot come true without another commit or configuration
  };
  State state = State::kWaiting;
  std::string node;      // where the service runs; empty: not known
  std::string in_force;  // the revision that the node reconciles to
  std::string reason;    // kFailing, kFailed, kWaiting: "ImagePullFailed", "Progressing"
  std::string message;   // what is wrong, or what is waited for
  std::vector<Progress::Row> rows;
  std::optional<ServiceStatus> service;  // that of the goal, when it was found
};

Verdict judge(const Goal& goal, const std::vector<Report>& reports);

// "Ready", "Reconciling", "Stalled", "Failed" (Ready=False), "Unknown": the one word for a list of
// conditions, and the condition that it comes from (null: Unknown).
struct Word {
  std::string text;
  const Condition* condition = nullptr;
};
Word summarise(const std::vector<Condition>& conditions);
// The same of a service; one that is suspended is "Suspended", however it stands.
Word word_of(const ServiceStatus& service);

// What a component is doing: "ready", "completed", "exited (exited with 1): waits for the
// back-off".
std::string describe_component(const ComponentStatus& component);

}  // namespace controller
