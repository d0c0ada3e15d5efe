#include "mc-proxy/routes/route.h"

#include <algorithm>
#include <charconv>

#include "base/core/text.h"

namespace mc_proxy {

using base::Result;

std::string_view name(Mode mode) {
  return mode == Mode::kL4 ? "l4" : "l7";
}

std::string_view name(Protocol protocol) {
  return protocol == Protocol::kH1 ? "h1" : protocol == Protocol::kH2c ? "h2c" : "tls";
}

Result<Mode> parse_mode(std::string_view text) {
  if (text == "l4") return Mode::kL4;
  if (text == "l7") return Mode::kL7;
  return base::invalid("mode is '" + std::string(text) + "'", "l4 or l7");
}

Result<Protocol> parse_protocol(std::string_view text) {
  if (text == "h1") return Protocol::kH1;
  if (text == "h2c") return Protocol::kH2c;
  if (text == "tls") return Protocol::kTls;
  return base::invalid("backendProtocol is '" + std::string(text) + "'", "h1, h2c or tls");
}

Result<std::string> normal_hostname(std::string_view text) {
  std::string host(text);
  if (host.ends_with('.')) host.pop_back();
  std::transform(host.begin(), host.end(), host.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  const auto labels = base::split(host, '.');
  if (host.empty() || host.size() > 253 ||
      !std::all_of(labels.begin(), labels.end(),
                   [](const std::string& label) { return base::is_dns_label(label); }))
    return base::invalid("'" + std::string(text) + "' is no host name",
                         "labels of a-z, 0-9 and '-' with dots between them; no wildcard");
  return host;
}

Result<HostPort> parse_backend(std::string_view text) {
  const auto bad = [&] {
    return base::invalid("backend '" + std::string(text) + "' is no address",
                         "host:port, such as 127.0.0.1:8080 or [::1]:8080");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  HostPort out{std::string(text.substr(0, colon)), 0};
  const std::string_view port = text.substr(colon + 1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() || out.port == 0)
    return bad();
  if (out.host.starts_with('[') && out.host.ends_with(']'))
    out.host = out.host.substr(1, out.host.size() - 2);
  else if (out.host.find(':') != std::string::npos)
    return bad();
  const bool odd = std::any_of(out.host.begin(), out.host.end(), [](unsigned char c) {
    return !std::isalnum(c) && c != '.' && c != '-' && c != ':' && c != '_';
  });
  if (out.host.empty() || odd) return bad();
  return out;
}

Result<> check(const Route& route) {
  if (route.owner.empty() || route.owner.size() > 253 ||
      route.owner.find_first_of("\r\n\t") != std::string::npos)
    return base::invalid("a route has an owner: one line of 1 to 253 bytes");
  MCP_CHECK(parse_backend(route.backend));
  if (route.hold.count() < 0 || route.hold > kMaxHold)
    return base::invalid("hold is " + std::to_string(route.hold.count()),
                         "whole seconds, 1 to " + std::to_string(kMaxHold.count()) +
                             "; 0, or leave it out, to hold nothing");
  if (route.mode == Mode::kL4 && (!route.tls_cert.empty() || !route.tls_key.empty()))
    return base::invalid(
        "an l4 route has no tlsCert and no tlsKey: the backend's own certificate is seen",
        "leave them out, or make it l7");
  if (route.mode == Mode::kL4 && route.protocol == Protocol::kH2c)
    return base::invalid("an l4 route has no backendProtocol h2c: TLS passes as it is",
                         "leave it out, or make it l7");
  if (route.tls_cert.empty() && !route.tls_key.empty())
    return base::invalid("tlsKey without tlsCert", "name both, or tlsCert alone");
  return {};
}

}  // namespace mc_proxy
