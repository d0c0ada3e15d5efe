#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace sim {

// What is said of a life.
struct Report {
  std::string violation;  // empty: none
  int64_t steps = 0;
  std::map<std::string, int> faults;  // by kind
};

}  // namespace sim
