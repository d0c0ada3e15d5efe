#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/core/result.h"

namespace mc_proxy {

struct RouteKey {
  std::string listener;  // Listener::address
  std::string hostname;  // lower case, no dot at the end
  friend auto operator<=>(const RouteKey&, const RouteKey&) = default;
};

enum class Mode {
  kL4,  // the client's TLS reaches the backend as it is
  kL7,  // TLS ends here
};
enum class Protocol { kH1, kH2c, kTls };  // spoken to the backend of an L7 route

struct Route {
  RouteKey key;
  std::string owner;
  std::string backend;  // "host:port", "[v6]:port"
  Mode mode = Mode::kL7;
  std::string tls_cert;  // L7: file; relative to the certificate folder
  std::string tls_key;   // empty: in tls_cert, or beside it with the ending .key
  Protocol protocol = Protocol::kH1;
  bool send_proxy_protocol = false;  // a PROXY header, v2, to the backend
  // Not zero: what comes for the name waits, each request so long at most, for the route to be set
  // without it.
  std::chrono::seconds hold{0};
  friend bool operator==(const Route&, const Route&) = default;
};

inline constexpr std::chrono::seconds kMaxHold{300};

std::string_view name(Mode mode);          // "l4", "l7"
std::string_view name(Protocol protocol);  // "h1", "h2c", "tls"
base::Result<Mode> parse_mode(std::string_view text);
base::Result<Protocol> parse_protocol(std::string_view text);

// As routes hold it; the error says what is no host name (RFC 1123 section 2.1).
base::Result<std::string> normal_hostname(std::string_view text);

struct HostPort {
  std::string host;  // without brackets
  uint16_t port = 0;
};
base::Result<HostPort> parse_backend(std::string_view text);

// What can be said about a route without looking at anything else.
base::Result<> check(const Route& route);

}  // namespace mc_proxy
