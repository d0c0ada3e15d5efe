#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/core/time.h"
#include "controller/cli/command.h"

namespace controller {

// The flags that every command takes.
struct Globals {
  std::string output = "text";  // text | json | yaml | name, and what Command::formats adds
  std::vector<std::string> nodes;
  std::string agent;
  std::string repo;
  std::optional<base::Millis> timeout;
  bool quiet = false;
  bool verbose = false;
};

std::vector<Flag> global_flags(Globals& globals);

}  // namespace controller
