#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "agent/api/api.h"
#include "agent/api/bodies.h"
#include "agent/files/files.h"
#include "agent/status/json.h"
#include "agent/store/event_log.h"
#include "agent/view/backend.h"
#include "base/http/server.h"
#include "reconciler/policy.h"

namespace agent {

// One function a call of the API. All of them run on the server's threads, many at once; the state
// that they share is behind the backend and the event log.
class Handlers {
 public:
  explicit Handlers(const ApiContext& context)
      : backend_(context.backend),
        events_(context.events),
        meters_(context.meters),
        examine_(context.examine),
        version_(context.version),
        files_(context.data_root, context.max_file_bytes),
        data_policy_{.volume_roots = {context.data_root}, .own_paths = context.own_paths} {}

  using Request = base::HttpRequest;
  using Reply = base::Result<base::HttpReply>;  // an error becomes a problem document

  // handlers.cc
  Reply version(const Request&);
  Reply healthz(const Request&);
  Reply readyz(const Request&);
  Reply metrics(const Request& request);
  Reply status(const Request&);
  Reply services(const Request&);
  Reply service(const Request& request);
  Reply spec(const Request& request);
  Reply containers(const Request&);
  Reply routes(const Request&);
  Reply sync(const Request& request);
  Reply doctor(const Request&);

  // streams.cc
  Reply events(const Request& request);
  Reply logs(const Request& request);

  // files.cc
  Reply put_file(const Request& request, const base::HttpBody& body);
  Reply get_file(const Request& request);

  // plan.cc
  Reply plan(const Request& request);

  // adopt.cc
  Reply adopt(const Request& request);

 private:
  Reply propose_adoption(const reconciler::ServiceName& service);
  Reply accept_adoption(const reconciler::ServiceName& service, const AdoptionBody& body);
  base::Result<std::string> data_of(const Request& request);

  Backend& backend_;
  EventLog& events_;
  const SharedMeters meters_;
  const std::function<std::vector<Finding>()> examine_;
  std::mutex examining_;
  const std::string version_;
  const DataFiles files_;
  const reconciler::Policy data_policy_;
};

// kNotFound "<whole> '<name>'", with the nearest of `known` as the hint.
base::Error unknown(std::string_view whole, const std::string& name,
                    const std::vector<std::string>& known);

}  // namespace agent
