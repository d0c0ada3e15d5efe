#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/http/server.h"

namespace agent {

// Query parameters as values; kInvalid names the parameter. One that is not given is none.
base::Result<std::optional<int64_t>> number_parameter(const base::HttpRequest& request,
                                                      const std::string& name);
// "true", "1" and an empty value are true; "false" and "0" are false.
base::Result<bool> flag_parameter(const base::HttpRequest& request, const std::string& name);
// RFC 3339, or a duration that is taken back from `now`.
base::Result<std::optional<base::TimePoint>> time_parameter(const base::HttpRequest& request,
                                                            const std::string& name,
                                                            base::TimePoint now);

}  // namespace agent
