#pragma once

#include <string>

namespace agent {

// What the agent says of the revision in force to those who cannot ask it.
struct Report {
  std::string outcome;   // revisions and reasons alone: while it is the same, there is no news
  std::string document;  // JSON, as GET /v1/status, without components
};

}  // namespace agent
