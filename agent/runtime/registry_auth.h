#pragma once

#include <optional>
#include <string>

#include "agent/runtime/podman.h"
#include "base/core/result.h"

// Pull credentials and what registries answer. For this folder and its tests.
namespace agent {

// "registry.example.net:5000" of "registry.example.net:5000/team/web:v1"; docker.io when the
// reference names none.
std::string registry_of(const std::string& image);

struct RegistryAuth {
  std::string header;  // the X-Registry-Auth header for the pull; empty: there are no credentials
  std::string from;    // where they come from, for a person; empty: there are none
};

// For pulling `image`: from `options.registries`, else from a containers-auth.json(5), which is
// `options.auth_file` or the first that exists of the places that podman itself looks at. Files are
// read at every call: a new password counts at once. kUnauthenticated: what is configured cannot be
// read.
base::Result<RegistryAuth> registry_auth(const std::string& image, const PodmanOptions& options);

// What the text of a failed pull means: kUnauthenticated, kNotFound, kUnavailable, kInvalid,
// kExhausted or kInternal, with a hint. `auth`: what was sent.
base::Error pull_error(const std::string& image, const std::string& why, const RegistryAuth& auth);

}  // namespace agent
