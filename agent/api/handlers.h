#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/store/event_log.h"
#include "agent/view/backend.h"
#include "base/http/server.h"

namespace agent {

// One function a call of the API. All of them run on the server's threads, many at once; the state
// that they share is behind the backend and the event log.
class Handlers {
 public:
  Handlers(Backend& backend, EventLog& events, std::string version)
      : backend_(backend), events_(events), version_(std::move(version)) {}

  using Request = base::HttpRequest;
  using Reply = base::Result<base::HttpReply>;  // an error becomes a problem document

  // handlers.cc
  Reply version(const Request&);
  Reply healthz(const Request&);
  Reply readyz(const Request&);
  Reply metrics(const Request&);
  Reply status(const Request&);
  Reply services(const Request&);
  Reply service(const Request& request);
  Reply spec(const Request& request);
  Reply containers(const Request&);
  Reply routes(const Request&);
  Reply sync(const Request& request);

  // streams.cc
  Reply events(const Request& request);
  Reply logs(const Request& request);

  // plan.cc
  Reply plan(const Request& request);

 private:
  Backend& backend_;
  EventLog& events_;
  const std::string version_;
};

// kNotFound "<whole> '<name>'", with the nearest of `known` as the hint.
base::Error unknown(std::string_view whole, const std::string& name,
                    const std::vector<std::string>& known);

}  // namespace agent
