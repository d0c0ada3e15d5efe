#pragma once

#include <string>
#include <vector>

#include "reconciler/model.h"
#include "reconciler/ports.h"

// Short ways to say what tests of the core need.
namespace reconciler::test {

inline TimePoint at(int seconds) {
  return std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + std::chrono::seconds(seconds);
}

inline ComponentKey key(const std::string& service, const std::string& component = "main") {
  return {ServiceName(service), ComponentName(component)};
}

inline crds::Component component(const std::string& name, const std::string& image = "app:v1") {
  crds::Component out;
  out.name = ComponentName(name);
  out.image = image;
  return out;
}

inline crds::Service service(const std::string& name,
                             std::vector<crds::Component> components = {component("main")}) {
  crds::Service out;
  out.name = ServiceName(name);
  out.components = std::move(components);
  return out;
}

inline Revision revision(int number) {
  char id[41];
  std::snprintf(id, sizeof id, "%07d%033d", number, 0);
  return Revision(id);
}

inline crds::Diagnostic problem(const std::string& file, const std::string& message = "is bad") {
  return {{file, 2, 1}, "image", message, ""};
}

// Services in files of their own name.
inline Snapshot snapshot(int number, const std::vector<crds::Service>& services) {
  Snapshot out;
  out.revision = revision(number);
  for (const crds::Service& one : services)
    out.tree.services[one.name] = {one, {"services/" + one.name.str() + ".toml", 1, 1}};
  return out;
}

}  // namespace reconciler::test
