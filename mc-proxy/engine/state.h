#pragma once

#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// What HAProxy is to do, in its own terms.
namespace mc_proxy {

struct EngineListener {
  std::string name;  // in the configuration and in file names: [A-Za-z0-9_.-]
  std::string bind;  // for HAProxy: "*:443,[::]:443 v6only"
  bool proxy_protocol = false;
  // Has L4 routes: the SNI is read before TLS ends anywhere. The engine finds this out by itself.
  bool passthrough = false;
  friend bool operator==(const EngineListener&, const EngineListener&) = default;
};

struct EngineRoute {
  // "kind/address/port/certificate": the backend section, set-dst, set-dst-port, and what tells one
  // certificate from another ("-" for L4). A route that is held: "l4hold" or "l7hold", and how many
  // seconds a request waits at most, in the place of kind and address.
  std::string value;
  std::string certificate;  // its file; empty for L4
  // Its content; null for L4, and when it lies in that file already or can be recalled.
  std::shared_ptr<const std::string> pem;
};
using EngineRoutes = std::map<std::string, EngineRoute>;  // by host name

struct EngineState {
  std::vector<EngineListener> listeners;
  std::map<std::string, EngineRoutes> routes;  // by the listener's name
};

struct EngineKey {
  std::string listener;  // EngineListener::name
  std::string hostname;
  friend auto operator<=>(const EngineKey&, const EngineKey&) = default;
};
// What some routes are, or are to be; none: there is no such route.
using EngineChange = std::map<EngineKey, std::optional<EngineRoute>>;

}  // namespace mc_proxy
