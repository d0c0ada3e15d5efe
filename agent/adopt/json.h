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

}  // namespace agent
