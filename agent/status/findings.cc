#include "agent/status/json.h"
#include "agent/status/status.h"

namespace agent {

Json findings_json(const std::vector<Finding>& findings) {
  Json out = Json::array();
  for (const Finding& one : findings)
    out.push_back({{"level", name(one.level)},
                   {"check", one.what},
                   {"message", one.text},
                   {"hint", or_null(one.hint)}});
  return out;
}

}  // namespace agent
