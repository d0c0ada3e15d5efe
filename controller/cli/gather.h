#pragma once

#include <optional>
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

// What an agent remembers of a service that none has any more; of several, the one that knows its
// newest event. None: nobody has heard of it.
struct Memory {
  const Agent* agent = nullptr;
  ServiceDetail detail;
};
std::optional<Memory> find_memory(Session& session, const std::string& name);

}  // namespace controller
