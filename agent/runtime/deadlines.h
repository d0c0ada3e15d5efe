#pragma once

#include "base/core/time.h"

namespace agent {

// How long podman may take for a call.
struct PodmanDeadlines {
  base::Millis ping{5000};
  base::Millis read{15000};  // list, inspect
  base::Millis create{30000};
  base::Millis start{60000};
  base::Millis clean_up{10000};     // podman's own, after a rootless container has ended
  base::Millis stop_margin{20000};  // beyond the stop timeout
  base::Millis remove{60000};
  base::Millis pull{15 * 60000};
  base::Millis health_margin{2000};   // beyond the health timeout
  base::Millis service_start{10000};  // until a service of our own answers
};

}  // namespace agent
