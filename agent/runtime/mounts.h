#pragma once

#include <functional>
#include <string>

#include "agent/runtime/api.h"

namespace agent {

// Whether a container may be started again (`inspect`: the path of its GET): the runtime follows
// the paths of its volumes anew at each start, and what was a folder when it was allowed may be a
// link by now. What leads where it led is not asked of `may_mount`: a container that a policy has
// forbidden since goes on. `may_mount` null: everything may be mounted.
base::Result<> check_mounts(PodmanApi& api, const std::string& inspect,
                            const std::function<base::Result<>(const std::string&)>& may_mount);

}  // namespace agent
