#pragma once

#include <string>
#include <vector>

#include "controller/cli/judge.h"
#include "controller/cli/session.h"

namespace controller {

// The status of all agents that are asked.
struct Picture {
  std::vector<NodeStatus> nodes;
  std::vector<Report> unreachable;  // their status is the error
};
base::Result<Picture> take_picture(Session& session);

// Says on the error stream which agents did not answer; kUnreachable when there is one, else
// `otherwise`.
Exit warn_unreachable(const Session& session, const Picture& picture, Exit otherwise);

// [{"node", "error"}]
Json unreachable_document(const Picture& picture);

// The service is on none of the nodes: an error with the nearest name that is. When an agent did
// not answer it is that agent's error instead, because the service may be there.
base::Error no_such_service(const Picture& picture, const std::string& name);

// An agent that has the service.
struct Holder {
  const Agent* agent = nullptr;
  ServiceStatus service;
};
base::Result<Holder> find_holder(Session& session, const std::string& name);

}  // namespace controller
