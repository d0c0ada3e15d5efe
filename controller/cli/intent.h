#pragma once

#include <functional>
#include <string>

#include "controller/cli/session.h"

namespace controller {

// A wish that becomes a commit, and then true.
struct Intent {
  ChangeRequest change;
  std::string service;
  bool removed = false;      // the wish is that the service goes
  bool suspended = false;    // the wish is that it is left alone
  bool allow_prune = false;  // the operator has approved the removal
  bool wait = true;
  std::function<void(Json&)> add_details;  // to the result; may be null
};

// Commits and pushes, asks the agents concerned to fetch, and waits until the service is Ready (or
// gone). Prints what happened: progress, then the result in the format of -o:
//   {service, node, revision, path, changed, pushed, message, ready, reason, detail, seconds,
//    rollouts}
Outcome carry_out(Session& session, const Intent& intent);

// The definition of a service as the repository has it now (after a fetch), decoded.
struct CurrentDefinition {
  DefinitionText file;
  crds::Service service;
};
base::Result<CurrentDefinition> current_definition(Session& session, const std::string& service);

// The timeout of waiting: --timeout, else five minutes.
base::Millis wait_limit(const Session& session);

}  // namespace controller
