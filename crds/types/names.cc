#include "crds/types/names.h"

namespace crds {

std::string port_variable(const Route& route) {
  if (route.name.empty()) return "PORT";
  std::string out = "PORT_";
  for (char c : route.name) out += c == '-' ? '_' : c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
  return out;
}

}  // namespace crds
