#pragma once

#include <string_view>

#include "crds/codec/value.h"

namespace crds {

// Where a YAML scalar stands, which yaml-cpp does not tell.
struct ScalarSpan {
  size_t begin = 0;  // after its anchor and tag
  size_t end = 0;    // 0: a block scalar, or a plain one over several lines
  bool unterminated = false;
};

// `at` is where yaml-cpp saw the node start, `value` what it read.
ScalarSpan find_scalar(std::string_view text, size_t at, std::string_view value);

// A plain scalar by the core schema of YAML 1.2.2, section 10.3.2: "no" and "12:30" are strings.
Value plain_scalar(std::string_view text);

}  // namespace crds
