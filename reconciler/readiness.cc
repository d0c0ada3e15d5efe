#include "reconciler/readiness.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace reconciler {
namespace {

constexpr Millis kSettleBeforeReplacing = std::chrono::seconds(2);

// The published port that the check means: by route name or container port; else the first route,
// else the first port.
const crds::PortMapping* checked_port(const crds::Component& component,
                                      const ObservedContainer& container,
                                      const crds::Health& health) {
  const auto& leases = container.owner->leases;
  uint16_t wanted_host = 0;
  std::string wanted_container = health.port;
  const bool first_route = health.port.empty() && !component.routes.empty();
  const auto lease = leases.find(first_route ? component.routes.front().name : health.port);
  if (lease != leases.end()) wanted_host = lease->second;
  for (const crds::PortMapping& port : container.ports) {
    if (port.protocol != "tcp") continue;
    if (wanted_host != 0
            ? port.host_port == wanted_host
            : wanted_container.empty() || std::to_string(port.container_port) == wanted_container)
      return &port;
  }
  return nullptr;
}

// 0: it is not the number of a port.
uint16_t number(const std::string& text) {
  uint16_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return stop == end && error == std::errc() ? value : 0;
}

// Where to connect for the check; nothing when no such port is published.
bool set_address(Probe& probe, const crds::Component& component,
                 const ObservedContainer& container) {
  if (std::holds_alternative<crds::CmdCheck>(probe.health.check)) return true;
  if (const crds::PortMapping* port = checked_port(component, container, probe.health)) {
    const bool any = port->host_ip.empty() || port->host_ip == "0.0.0.0" || port->host_ip == "::";
    probe.address = any ? "127.0.0.1" : port->host_ip;
    probe.port = port->host_port;
    return true;
  }
  if (component.network != "host") return false;
  // On the host's own network the container's port is the host's.
  const auto& leases = container.owner->leases;
  const auto lease = leases.find(probe.health.port);
  probe.address = "127.0.0.1";
  if (lease != leases.end())
    probe.port = lease->second;
  else if (!leases.empty() && probe.health.port.empty())
    probe.port = leases.begin()->second;
  else
    probe.port = number(probe.health.port);
  return probe.port != 0;
}

}  // namespace

Verdict judge(const crds::Component& component, const ObservedContainer& container,
              const Observed& observed, bool replaces_another, TimePoint now) {
  Verdict verdict;
  if (!component.health && component.routes.empty()) {
    const TimePoint settled = container.started_at + kSettleBeforeReplacing;
    const bool waits = replaces_another && settled > now && settled - now <= kSettleBeforeReplacing;
    verdict.state = waits ? Verdict::kNotYet : Verdict::kReady;
    if (waits) {
      verdict.message = "running; settling before it replaces the old container";
      verdict.again_at = settled;
    }
    return verdict;
  }
  Probe probe;
  probe.container = container.id;
  probe.started_at = container.started_at;
  probe.health = component.health.value_or(crds::Health{.check = crds::TcpCheck{}});
  probe.until_ready = !component.health;
  if (!set_address(probe, component, container)) {
    verdict.state = Verdict::kFailed;
    verdict.message = "its health check needs a published port, and none fits";
    return verdict;
  }
  const auto found = observed.readiness.find(container.id);
  verdict.asked = found != observed.readiness.end();
  const Readiness readiness = found == observed.readiness.end() ? Readiness{} : found->second;
  const Millis start_period = probe.health.start_period;
  const int retries = std::max(1, probe.health.retries);
  if (!(probe.until_ready && readiness.ready)) verdict.probe = std::move(probe);
  if (readiness.ready) {
    verdict.state = Verdict::kReady;
    return verdict;
  }
  verdict.message = readiness.message.empty() ? "waiting for its first answer"
                                              : "not ready: " + readiness.message;
  const TimePoint deadline = container.started_at + start_period;
  const bool may_still_start = deadline > now && deadline - now <= start_period;
  if (may_still_start)
    verdict.again_at = deadline;
  else if (readiness.failures_in_row >= retries)
    verdict.state = Verdict::kFailed;
  return verdict;
}

}  // namespace reconciler
