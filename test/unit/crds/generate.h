#pragma once

#include <string>

#include "crds/codec/value.h"
#include "crds/types/types.h"

// Random definitions. To be called inside of a rapidcheck property; small numbers are simple
// values, so that counterexamples shrink.
namespace crds::test {

// One of 0 to limit - 1.
int pick(int limit);

// A service that decodes without problems.
Service any_service();

// A service's TOML as YAML, in styles of YAML's own choice; comments and blank lines included.
std::string any_yaml(const std::string& toml);

// The same text with comments and blank lines between lines and behind them.
std::string with_noise(const std::string& toml);

}  // namespace crds::test
