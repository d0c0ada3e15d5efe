// mcp-bench-planner: what the core alone takes, in milliseconds of CPU, for so many services of one
// node.
//   resolve    a snapshot becomes desired, nothing known before; then again, with one change
//   cold       the first pass, when nothing runs
//   converged  a pass when everything is as desired
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "reconciler/leases.h"
#include "reconciler/reconcile.h"
#include "reconciler/resolve.h"

namespace {

using namespace reconciler;  // NOLINT: this file speaks of little else

const NodeName kNode("rift");

crds::Service service(int number) {
  crds::Service out;
  out.name = ServiceName("service-" + std::to_string(number));
  crds::Component component;
  component.name = ComponentName("main");
  component.image = "registry.example.net/team/app:v" + std::to_string(number % 7);
  component.env = {{"LEVEL", "info"}, {"NUMBER", std::to_string(number)}};
  component.volumes = {{"/srv/" + out.name.str(), "/data", {}}};
  component.routes = {{.name = "rest", .port = 8443}};
  component.health = crds::Health{.check = crds::HttpCheck{"/healthz"}};
  // Every tenth needs another one, and holds a port of its own.
  if (number % 10 == 9) {
    out.depends_on = {ServiceName("service-" + std::to_string(number - 1))};
    component.ports = {{"", static_cast<uint16_t>(1024 + number % 8000), 80, "tcp"}};
  }
  out.components = {component};
  return out;
}

Snapshot snapshot(int count, int number) {
  Snapshot out;
  out.revision = Revision(std::to_string(number) + std::string(39, '0'));
  for (int i = 0; i < count; ++i) {
    crds::Service one = service(i);
    out.tree.services[one.name] = {one, {"services/" + one.name.str() + ".toml", 1, 1}};
  }
  return out;
}

// Everything that is desired runs, and answers.
Observed converged(const Desired& desired) {
  Observed out;
  int number = 0;
  for (const auto& [name, one] : desired.services)
    for (const auto& [component_name, component] : one.components) {
      ObservedContainer container;
      char id[65];
      std::snprintf(id, sizeof id, "%064d", ++number);
      container.id = ContainerId(id);
      container.name = container_name({name, component_name}, Slot::kFirst);
      container.state = ContainerState::kRunning;
      container.image = component.spec.image;
      container.owner = Owner{
          {name, component_name}, kNode,        component.spec_hash,
          one.revision,           Slot::kFirst, {{"rest", static_cast<uint16_t>(10000 + number)}}};
      container.ports = published_ports(component.spec, container.owner->leases);
      out.readiness[container.id] = {.ready = true};
      out.containers[container.id] = std::move(container);
    }
  return out;
}

// Of the processor's time, the best of several: the machine does other things as well.
template <class Work>
double milliseconds(int times, Work work) {
  double best = 1e9;
  for (int i = 0; i < times; ++i) {
    const std::clock_t start = std::clock();
    work();
    best = std::min(best, 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return best;
}

void row(int count) {
  const int times = count > 1000 ? 5 : 20;
  const TimePoint now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);
  const Snapshot first = snapshot(count, 1);
  Snapshot second = snapshot(count, 2);
  second.tree.services.begin()->second.value.components.front().image = "app:v9";
  Desired desired;
  const double resolving =
      milliseconds(times, [&] { desired = resolve(first, kNode, nullptr, false); });
  const double change =
      milliseconds(times, [&] { static_cast<void>(resolve(second, kNode, &desired, false)); });
  Outcome outcome;
  const double cold = milliseconds(times, [&] { outcome = reconcile(desired, {}, {}, now); });
  const size_t steps = outcome.plan.steps.size();
  const Observed observed = converged(desired);
  outcome = reconcile(desired, observed, {}, now);
  // As the loop calls it: what one pass remembers goes into the next.
  const double idle = milliseconds(times, [&] {
    Memory memory = std::move(outcome.next);
    outcome = reconcile(desired, observed, std::move(memory), now);
  });
  std::printf("%8d %9.3f %9.3f %9.3f %9.3f   %zu steps cold, %zu converged\n", count, resolving,
              change, cold, idle, steps, outcome.plan.steps.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("%8s %9s %9s %9s %9s\n", "services", "resolve", "change", "cold", "converged");
  if (argc > 1) {
    row(std::atoi(argv[1]));
    return 0;
  }
  for (const int count : {1, 10, 100, 1000, 10000}) row(count);
  return 0;
}
