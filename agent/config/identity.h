#pragma once

#include <vector>

#include "agent/config/config.h"
#include "crds/codec/value.h"

// The keys of [oidc] whose values are more than a text. For this folder alone.
namespace agent {

base::Result<> set_oidc_roles(Config& config, const crds::Value& value);
base::Result<> set_oidc_trust(Config& config, const crds::Value& value);

// What no key can see alone: an issuer without an audience, roles without an issuer.
base::Result<> check_identity(const Config& config);

}  // namespace agent
