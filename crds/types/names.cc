#include "crds/types/names.h"

namespace crds {

std::string port_variable(const Route& route) {
  if (route.name.empty()) return "PORT";
  std::string out = "PORT_";
  for (char c : route.name) out += c == '-' ? '_' : c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
  return out;
}

std::string_view name(Route::Protocol protocol) {
  using Protocol = Route::Protocol;
  return protocol == Protocol::kH1 ? "h1" : protocol == Protocol::kH2c ? "h2c" : "tls";
}

std::optional<Route::Protocol> parse_protocol(std::string_view text) {
  using Protocol = Route::Protocol;
  for (const Protocol one : {Protocol::kH1, Protocol::kH2c, Protocol::kTls})
    if (text == name(one)) return one;
  return std::nullopt;
}

}  // namespace crds
