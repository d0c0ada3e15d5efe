#pragma once

#include "agent/status/json.h"
#include "agent/status/picture.h"

namespace agent {

// One entry of a service's "components".
Json component_json(const Picture& picture, const reconciler::ComponentKey& key);

}  // namespace agent
