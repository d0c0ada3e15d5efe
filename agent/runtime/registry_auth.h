#pragma once

#include <optional>
#include <string>

#include "base/core/result.h"

// Pull credentials and what registries answer. For this folder and its tests.
namespace agent {

// "registry.example.net:5000" of "registry.example.net:5000/team/web:v1"; docker.io when the
// reference names none.
std::string registry_of(const std::string& image);

// The X-Registry-Auth header for pulling `image`, from a containers-auth.json(5); `auth_file`
// empty: the first that exists of the places that podman itself looks at. None: it holds nothing
// for that registry. The file is read at every call: a new login counts at once.
base::Result<std::optional<std::string>> registry_auth(const std::string& image,
                                                       const std::string& auth_file);

// What the text of a failed pull means: kUnauthenticated, kNotFound, kUnavailable, kInvalid,
// kExhausted or kInternal, with a hint.
base::Error pull_error(const std::string& image, const std::string& why);

}  // namespace agent
