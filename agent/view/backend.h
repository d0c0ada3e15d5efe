#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/view/documents.h"
#include "agent/view/view.h"
#include "reconciler/adoption.h"
#include "reconciler/ports.h"

namespace agent {

struct LogOptions {
  bool follow = false;
  int tail = -1;  // lines; -1: all
  std::optional<base::TimePoint> since;
};

// What the API needs of the daemon. Every call may come from any thread.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual View view() = 0;

  // Fetch and reconcile now. The number is done once view().source.syncs_done has reached it.
  // `allow_prune` approves the removals that the prune guard holds at that revision.
  virtual int64_t request_sync(bool allow_prune) = 0;

  // Puts an event into the registry's log, soon.
  virtual void record(reconciler::Event event) = 0;

  virtual RuntimeDocuments& documents() = 0;

  // Remembers containers that an operator has given into our care. On success a kill -9 cannot lose
  // it. kConflict: the service is defined already.
  virtual base::Result<> accept(
      const std::map<reconciler::ComponentKey, reconciler::Adoption>& adoptions) = 0;

  // Streams a container's log, stdout and stderr, whole lines, until it ends or `sink` says false.
  virtual base::Result<> logs(const reconciler::ContainerId& container, const LogOptions& options,
                              const std::function<bool(std::string_view)>& sink) = 0;
};

}  // namespace agent
