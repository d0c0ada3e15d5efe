#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// Private to this folder.
namespace agent {

using PodmanJson = nlohmann::json;

// A field that podman leaves out, or sets to null, is as good as its zero.
template <class T>
T field_of(const PodmanJson& object, const char* name) {
  if (!object.is_object()) return T();
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? T() : found->get<T>();
}

inline PodmanJson part_of(const PodmanJson& object, const char* name) {
  return field_of<PodmanJson>(object, name);
}

using Words = std::vector<std::string>;
using Map = std::map<std::string, std::string>;

// The systemd unit that made a container; empty: none. podman-compose (1.0.4 and newer) names one
// of its own on everything that it makes, whether there is such a unit or not.
inline std::string unit_of(const Map& labels) {
  const auto found = labels.find("PODMAN_SYSTEMD_UNIT");
  const bool real = found != labels.end() && !found->second.starts_with("podman-compose@");
  return real ? found->second : "";
}

}  // namespace agent
