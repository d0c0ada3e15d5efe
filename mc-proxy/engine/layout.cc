#include "mc-proxy/engine/layout.h"

namespace mc_proxy {
namespace {

// idle-close-on-response: a connection that idles over a reload is closed after its next answer,
// not under its next request. http-no-delay: what a gRPC stream sends must not wait for more.
constexpr char kDefaults[] = R"(
defaults tcp
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  timeout tunnel 24h
defaults http
  mode http
  option idle-close-on-response
  option http-no-delay
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  timeout tunnel 24h
  timeout http-request 10s
  timeout http-keep-alive 60s
)";

// Where a route leads comes from the map: the server has the address that set-dst gave.
// A backend's certificate is not verified: it is addressed by IP, on this machine or in the fleet.
constexpr char kBackends[] = R"(
backend h1 from http
  server d 0.0.0.0:0
backend h1p from http
  server d 0.0.0.0:0 send-proxy-v2
backend h2c from http
  server d 0.0.0.0:0 proto h2
backend h2cp from http
  server d 0.0.0.0:0 proto h2 send-proxy-v2
backend tls from http
  server d 0.0.0.0:0 ssl verify none alpn h2,http/1.1 ws h1 sni var(txn.host)
backend tlsp from http
  server d 0.0.0.0:0 ssl verify none alpn h2,http/1.1 ws h1 sni var(txn.host) send-proxy-v2
backend l4 from tcp
  server d 0.0.0.0:0
backend l4p from tcp
  server d 0.0.0.0:0 send-proxy-v2
)";

// What the action "hold" leaves undone is refused. In a backend the rules have an inspect-delay of
// their own, which bounds how long an action may wait: longer than any hold.
std::string held_backend(const EngineFiles& files, const EngineListener& listener) {
  return "backend hold-" + listener.name +
         " from tcp\n  tcp-request inspect-delay 310s\n  tcp-request content lua.hold " +
         files.map(listener.name) +
         "\n  tcp-request content reject unless { var(txn.route) -m beg l4/ l4p/ }\n"
         "  tcp-request content set-var(txn.key) var(txn.host),concat(/,txn.route)\n"
         "  tcp-request content track-sc0 var(txn.key) table " +
         table_name(listener.name) +
         "\n  tcp-request content set-dst var(txn.route),field(2,/)\n"
         "  tcp-request content set-dst-port var(txn.route),field(3,/)\n"
         "  use-server d if { var(txn.route) -m beg l4/ }\n"
         "  use-server p if { var(txn.route) -m beg l4p/ }\n"
         "  server d 0.0.0.0:0\n  server p 0.0.0.0:0 send-proxy-v2\n";
}

// strict-sni: a name without a certificate of its own ends the handshake.
std::string tls(const EngineFiles& files, const EngineListener& listener) {
  return " ssl crt-list " + files.list(listener.name) +
         " strict-sni alpn h2,http/1.1 ssl-min-ver TLSv1.3\n";
}

// Browsers send requests for several names over one h2 connection when its certificate names them
// all (RFC 9113 section 9.1.1): the host decides, and only within the certificate that was shown.
std::string http_rules(const EngineFiles& files, const EngineListener& listener, bool lua) {
  const std::string map = files.map(listener.name);
  const std::string held = " if { var(txn.route) -m beg l7hold/ }\n";
  return "  http-request set-var(txn.host) req.hdr(host),host_only,lower\n"
         "  http-request set-var(txn.route) var(txn.host),map_str(" +
         map +
         ")\n"
         "  http-request set-var(txn.shown) ssl_fc_sni,lower,map_str(" +
         map +
         "),field(4,/)\n"
         "  http-request return status 421 content-type text/plain string \"this connection does "
         "not serve that host\\n\" unless { var(txn.route),field(4,/),strcmp(txn.shown) eq 0 }\n" +
         (lua ? "  http-request lua.hold " + map + held : "") +
         "  http-request return status 503 content-type text/plain string \"this host is being "
         "changed\\n\" hdr Retry-After 1" +
         held + "  http-request track-sc0 var(txn.host),concat(/,txn.route) table " +
         table_name(listener.name) +
         "\n"
         "  http-request set-header X-Forwarded-For %[src]\n"
         "  http-request set-header X-Real-IP %[src]\n"
         "  http-request set-header X-Forwarded-Proto https\n"
         "  http-request set-dst var(txn.route),field(2,/)\n"
         "  http-request set-dst-port var(txn.route),field(3,/)\n"
         "  use_backend %[var(txn.route),field(1,/)]\n";
}

// Where L7 connections arrive that a frontend for both kinds has passed on. Only this user can open
// it: its PROXY header is believed.
std::string inner_address(const EngineFiles& files, const EngineListener& listener) {
  return "unix@" + files.folder + "/" + listener.name + ".sock";
}

// L7 alone. The inner address stays open: a worker that was told to end, and knew both kinds, has
// connections yet to pass on.
std::string plain(const EngineFiles& files, const EngineListener& listener, bool lua) {
  return "frontend " + listener.name + " from http\n  bind " + inner_address(files, listener) +
         "," + listener.bind + " mode 600" + (listener.proxy_protocol ? " accept-proxy" : "") +
         tls(files, listener) +
         (listener.proxy_protocol
              ? ""
              : "  tcp-request connection expect-proxy layer4 unless { src -m found }\n") +
         http_rules(files, listener, lua);
}

// Both kinds on one address: the SNI decides, and what is L7 goes on to a frontend of its own.
std::string mixed(const EngineFiles& files, const EngineListener& listener, bool lua) {
  const std::string inner = inner_address(files, listener);
  const std::string passes = " if { var(txn.route) -m beg l4/ l4p/ }\n";
  const std::string held = " if { var(txn.route) -m beg l4hold/ }\n";
  return "frontend " + listener.name + " from tcp\n  bind " + listener.bind +
         (listener.proxy_protocol ? " accept-proxy" : "") +
         "\n"
         "  tcp-request inspect-delay 5s\n"
         "  tcp-request content reject unless { req.ssl_hello_type 1 }\n"
         "  tcp-request content set-var(txn.host) req.ssl_sni,lower\n"
         "  tcp-request content set-var(txn.route) var(txn.host),map_str(" +
         files.map(listener.name) +
         ")\n"
         "  tcp-request content reject unless { var(txn.route) -m found }\n"
         "  tcp-request content set-var(txn.key) var(txn.host),concat(/,txn.route)\n" +
         (lua ? "" : "  tcp-request content reject" + held) +
         "  tcp-request content track-sc0 var(txn.key) table " + table_name(listener.name) +
         passes + "  tcp-request content set-dst var(txn.route),field(2,/)" + passes +
         "  tcp-request content set-dst-port var(txn.route),field(3,/)" + passes +
         "  use_backend %[var(txn.route),field(1,/)]" + passes +
         (lua ? "  use_backend hold-" + listener.name + held : "") + "  default_backend to-" +
         listener.name + "\n" + (lua ? held_backend(files, listener) : "") + "backend to-" +
         listener.name + " from tcp\n  server tls " + inner + " send-proxy-v2\nfrontend tls-" +
         listener.name + " from http\n  bind " + inner + " mode 600 accept-proxy" +
         tls(files, listener) + http_rules(files, listener, lua);
}

}  // namespace

std::string table_name(const std::string& listener) {
  return "routes-" + listener;
}

std::string haproxy_config(const EngineFiles& files, const std::vector<EngineListener>& listeners,
                           int max_connections, bool lua, const std::string& description) {
  std::string out = "# Written by mc-proxy; a change here is lost.\nglobal\n  description \"" +
                    description + "\"\n  stats socket " + files.worker_socket() +
                    " mode 600 level admin expose-fd listeners\n";
  out += max_connections > 0 ? "  maxconn " + std::to_string(max_connections) + "\n"
                             : "  fd-hard-limit 100000\n";
  if (lua) out += "  lua-load " + files.script() + "\n";
  out += kDefaults;
  for (const EngineListener& listener : listeners) {
    out += "\nbackend " + table_name(listener.name) +
           " from tcp\n  stick-table type string len 400 size 50k expire 24h store "
           "conn_cur,conn_cnt,http_req_cnt,http_fail_cnt\n";
    out += listener.passthrough ? mixed(files, listener, lua) : plain(files, listener, lua);
  }
  return out + kBackends;
}

}  // namespace mc_proxy
