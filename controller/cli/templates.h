#pragma once

#include <string_view>
#include <vector>

namespace controller {

struct Template {
  const char* path;  // inside the repository
  std::string_view text;
};

// What `mcp init` writes.
const std::vector<Template>& repository_templates();

}  // namespace controller
