#include "agent/alerts/causes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "agent/alerts/kinds.h"
#include "base/core/text.h"
#include "reconciler/component.h"
#include "reconciler/conditions.h"

namespace agent {
namespace {

using namespace reconciler;  // NOLINT: this file speaks of little else

const Condition* find(const std::vector<Condition>& conditions, std::string_view type) {
  for (const Condition& condition : conditions)
    if (condition.type == type) return &condition;
  return nullptr;
}

// "registry.example.net:5000" of an image's reference; Docker Hub where it names none.
std::string registry_of(const std::string& image) {
  const std::string first = image.substr(0, image.find('/'));
  const bool host = first.size() < image.size() &&
                    (first.find_first_of(".:") != std::string::npos || first == "localhost");
  return host ? first : "docker.io";
}

std::string percent(uint64_t part, uint64_t whole) {
  return std::to_string(static_cast<int>(100.0 * static_cast<double>(part) /
                                         static_cast<double>(std::max<uint64_t>(whole, 1)))) +
         " %";
}

std::string gibibytes(uint64_t bytes) {
  const uint64_t tenths = bytes * 10 / (uint64_t{1} << 30);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

class Derivation {
 public:
  Derivation(const Situation& situation, const CauseOptions& options, TimePoint now)
      : in_(situation), options_(options), now_(now) {
    for (const auto& [id, container] : in_.observed.containers)
      if (container.owner && container.owner->node == in_.desired.node)
        containers_[container.owner->key].push_back(&container);
  }

  Causes run() && {
    source();
    runtime();
    proxy();
    if (in_.observed.registry_error)
      node(alert::kStateNotWritable, "the agent cannot write its registry",
           in_.observed.registry_error->text() + "; nothing new is started until it can");
    if (!in_.report_error.empty())
      node(alert::kReportFailing, "the node's status cannot be pushed", in_.report_error);
    facts();
    receivers();
    if (!in_.planned) out_.unknown.insert(alert::kRuntimeUnreachable);
    if (!in_.planned || in_.observed.runtime_error) {
      for (const char* kind :
           {alert::kServiceStalled, alert::kRolloutFailed, alert::kFlapping, alert::kNotReady,
            alert::kDriftNotHealed, alert::kRemovalsHeld, alert::kImageRegistryDenied})
        out_.unknown.insert(kind);
      return std::move(out_);
    }
    removals();
    denied_registries();
    for (const auto& [name, memory] : in_.memory.services) service(name, memory);
    return std::move(out_);
  }

 private:
  Alert& add(const char* kind, std::string summary, std::string description) {
    Alert alert;
    alert.name = kind;
    alert.severity = find_kind(kind)->severity;
    alert.summary = std::move(summary);
    alert.description = std::move(description);
    out_.holding.push_back(std::move(alert));
    return out_.holding.back();
  }

  Alert& node(const char* kind, const std::string& summary, std::string description) {
    return add(kind, in_.desired.node.str() + ": " + summary, std::move(description));
  }

  Alert& of_service(const char* kind, const ServiceName& service, const std::string& summary,
                    const Condition& condition) {
    Alert& alert =
        add(kind, service.str() + " on " + in_.desired.node.str() + " " + summary,
            condition.reason + ": " + condition.message + " (mcp why " + service.str() + ")");
    alert.service = service;
    alert.reason = condition.reason;
    alert.since = condition.since;
    return alert;
  }

  void source() {
    if (!in_.source.last_fetch && !in_.source.last_error) {
      for (const char* kind :
           {alert::kSourceUnreachable, alert::kCommitNotVerified, alert::kRevisionInvalid})
        out_.unknown.insert(kind);
      return;
    }
    const auto& error = in_.observed.source_error;
    const bool no_space = error && error->code == base::Code::kExhausted;
    if (error && !(no_space && disk_is_told_of()))
      node(alert::kSourceUnreachable,
           no_space ? "there is no space on the disk for what git has"
                    : "the git remote cannot be fetched",
           error->text() + "; the last revision stays in force, and new commits have no effect");
    // While the remote is away, nothing newer is known than what was held.
    if (in_.observed.commit_held)
      node(alert::kCommitNotVerified,
           "commit " + in_.observed.commit_held->revision.str().substr(0, 7) +
               " is not used: its signature is not believed",
           in_.observed.commit_held->why.text())
          .reason = reason::kCommitNotVerified;
    if (!in_.desired.problems.empty())
      node(alert::kRevisionInvalid, "a file of the repository cannot be used",
           base::join(in_.desired.problems, "; "))
          .reason = reason::kInvalidDefinition;
  }

  void runtime() {
    if (in_.observed.runtime_error)
      node(alert::kRuntimeUnreachable, "podman does not answer",
           in_.observed.runtime_error->text() + "; containers run on, and nothing is healed")
          .reason = reason::kRuntimeUnavailable;
  }

  void proxy() {
    if (!in_.observed.proxy) return;
    const ObservedProxy& proxy = *in_.observed.proxy;
    if (proxy.error)
      node(alert::kProxyUnreachable, "mc-proxy does not answer",
           proxy.error->text() + "; routes stay as they were last set, if it serves at all")
          .reason = reason::kProxyUnavailable;
    if (proxy.error || proxy.asked_at == TimePoint{})
      out_.unknown.insert(alert::kCertificateExpiring);
    else
      certificates(proxy);
  }

  void certificates(const ObservedProxy& proxy) {
    const std::string owner = owner_of_routes(in_.desired.node);
    for (const auto& [key, route] : proxy.routes)
      if (route.owner == owner && route.certificate_until)
        certificate(key.text(), *route.certificate_until, route.spec.certificate, "mc-proxy");
  }

  // `of`: what it is the certificate of. `reader`: who takes up a new one.
  void certificate(const std::string& of, TimePoint until, const std::string& file,
                   const std::string& reader) {
    const Millis left = until - now_;
    if (left >= options_.certificate_warning) return;
    const bool over = left <= Millis(0);
    Alert& alert = node(alert::kCertificateExpiring,
                        "the certificate of " + of +
                            (over ? " has expired" : " expires in " + base::short_age(left)),
                        "valid until " + base::to_rfc3339(until) + "; put a new one at " + file +
                            " (its chain in one file), " + reader + " reads it by itself");
    alert.subject = of;
    if (left < options_.certificate_critical) alert.severity = Severity::kCritical;
  }

  void facts() {
    if (!in_.facts) {
      out_.unknown.insert(alert::kDiskNearlyFull);
      out_.unknown.insert(alert::kCertificateExpiring);
      return;
    }
    if (const auto& own = in_.facts->certificate)
      certificate("the agent's API", own->until, own->file, "the agent");
    disks();
  }

  static bool below(const DiskFact& disk, int percent) {
    return disk.free_bytes < disk.total_bytes / 100 * static_cast<uint64_t>(percent);
  }

  bool disk_is_told_of() const {
    return in_.observed.registry_error ||
           (in_.facts && std::any_of(in_.facts->disks.begin(), in_.facts->disks.end(),
                                     [&](const DiskFact& disk) {
                                       return below(disk, options_.disk_percent_warning);
                                     }));
  }

  void disks() {
    for (const DiskFact& disk : in_.facts->disks) {
      if (!below(disk, options_.disk_percent_warning)) continue;
      const std::string left = percent(disk.free_bytes, disk.total_bytes) + " left";
      Alert& alert = node(alert::kDiskNearlyFull, disk.path + " is nearly full: " + left,
                          "the file system of " + disk.path + " (" + disk.purpose + ") has " +
                              gibibytes(disk.free_bytes) + " of " + gibibytes(disk.total_bytes) +
                              " left; podman image prune -a frees images that nothing uses");
      alert.subject = disk.path;
      if (below(disk, options_.disk_percent_critical)) alert.severity = Severity::kCritical;
    }
  }

  void receivers() {
    for (const ReceiverState& receiver : in_.receivers) {
      if (receiver.failing_since == TimePoint{} || !receiver.error) continue;
      Alert& alert = node(alert::kReceiverFailing, "alerts do not reach " + receiver.name,
                          receiver.error->text() + "; mcp-agent alert-test tries each receiver");
      alert.subject = receiver.name;
      alert.since = receiver.failing_since;
    }
  }

  // One alert for one word of an operator, however many services wait for it.
  void removals() {
    std::vector<std::string> held;
    std::string message;
    for (const auto& [name, service] : in_.memory.services) {
      const Condition* stalled = find(service.conditions, "Stalled");
      if (stalled == nullptr || stalled->reason != reason::kPruneHeld) continue;
      held.push_back(name.str());
      message = stalled->message;
    }
    if (held.empty()) return;
    Alert& alert = node(alert::kRemovalsHeld,
                        "the removal of " + std::to_string(held.size()) + " services is held",
                        base::join(held, ", ") + ": " + message);
    alert.reason = reason::kPruneHeld;
  }

  const Failure* denied_pull(const ComponentKey& key) const {
    const auto memory = in_.memory.components.find(key);
    if (memory == in_.memory.components.end() || !memory->second.failure) return nullptr;
    const Failure& failure = *memory->second.failure;
    const bool denied = failure.step == StepKind::kPullImage &&
                        (failure.error.code == base::Code::kUnauthenticated ||
                         failure.error.code == base::Code::kDenied);
    return denied ? &failure : nullptr;
  }

  void denied_registries() {
    std::map<std::string, std::pair<std::set<std::string>, const Failure*>> denied;
    std::set<std::string> down;  // registries without which something does not run at all
    for (const auto& [name, service] : in_.desired.services)
      for (const auto& [component, desired] : service.components)
        if (const Failure* failure = denied_pull({name, component})) {
          const std::string registry = registry_of(desired.spec.image);
          denied[registry].first.insert(name.str());
          denied[registry].second = failure;
          if (!serves(name, service)) down.insert(registry);
        }
    for (const auto& [registry, found] : denied) {
      const std::vector<std::string> services(found.first.begin(), found.first.end());
      Alert& alert =
          node(alert::kImageRegistryDenied, registry + " refuses the credentials for images",
               found.second->error.text() + "; it concerns " + base::join(services, ", "));
      alert.subject = registry;
      alert.reason = reason::kImagePullFailed;
      if (down.contains(registry)) alert.severity = Severity::kCritical;
    }
  }

  // Each component has a container that runs, and is not known to be unready.
  bool serves(const ServiceName& name, const ServiceDesired& service) const {
    return std::all_of(
        service.components.begin(), service.components.end(), [&](const auto& component) {
          const auto list = containers_.find({name, component.first});
          if (list == containers_.end()) return false;
          return std::any_of(list->second.begin(), list->second.end(), [&](const auto* container) {
            const auto readiness = in_.observed.readiness.find(container->id);
            return container->state == ContainerState::kRunning &&
                   (readiness == in_.observed.readiness.end() || readiness->second.ready);
          });
        });
  }

  void service(const ServiceName& name, const ServiceMemory& memory) {
    const Condition* ready = find(memory.conditions, "Ready");
    // Who suspends it knows, and has said until when.
    if (ready == nullptr || memory.suspended) return;
    const auto wish = in_.desired.services.find(name);
    const ServiceDesired* desired = wish == in_.desired.services.end() ? nullptr : &wish->second;
    if (rollout_failed(name, desired, *ready)) return;
    if (ready->status == Status::kTrue) {
      if (desired != nullptr && desired->definition.active) drifted(name, *desired, *ready);
      return;
    }
    // Told of where the cause is.
    if (ready->reason == reason::kPruneHeld || ready->reason == reason::kProxyUnavailable ||
        ready->reason == reason::kRuntimeUnavailable || waits_for_another(desired, *ready))
      return;
    const bool down = desired == nullptr || !serves(name, *desired);
    const char* how = down ? "does not serve" : "is not as desired";
    if (ready->reason == reason::kDrifted) {
      of_service(alert::kDriftNotHealed, name, "was changed by others, and is left so", *ready);
    } else if (ready->reason == reason::kFlapping) {
      of_service(alert::kFlapping, name, "restarts again and again", *ready);
    } else if (find(memory.conditions, "Stalled") != nullptr) {
      Alert& alert =
          of_service(alert::kServiceStalled, name,
                     std::string("waits for another definition (") + ready->reason + ")", *ready);
      if (down) alert.severity = Severity::kCritical;
    } else if (!pull_denied(name, desired)) {
      Alert& alert =
          of_service(alert::kNotReady, name, std::string(how) + " (" + ready->reason + ")", *ready);
      if (down) alert.severity = Severity::kCritical;
    }
  }

  // Also while it is tried once more.
  bool rollout_failed(const ServiceName& name, const ServiceDesired* desired,
                      const Condition& ready) {
    if (ready.status == Status::kTrue) return false;
    bool failed = ready.reason == reason::kRolloutFailed;
    std::string message = ready.message;
    if (desired != nullptr)
      for (const auto& [component, unused] : desired->components) {
        const auto memory = in_.memory.components.find({name, component});
        if (failed || memory == in_.memory.components.end() ||
            memory->second.rollout_back_off.attempts == 0)
          continue;
        failed = true;
        message = memory->second.rollout_error;
      }
    if (!failed) return false;
    Condition told = ready;
    told.reason = reason::kRolloutFailed;
    told.message = message;
    Alert& alert = of_service(alert::kRolloutFailed, name, "could not be rolled out", told);
    if (desired != nullptr && serves(name, *desired))
      alert.description += "; the old version serves on";
    else
      alert.severity = Severity::kCritical;
    return true;
  }

  bool pull_denied(const ServiceName& name, const ServiceDesired* desired) const {
    return desired != nullptr &&
           std::any_of(desired->components.begin(), desired->components.end(),
                       [&](const auto& part) { return denied_pull({name, part.first}); });
  }

  bool waits_for_another(const ServiceDesired* desired, const Condition& ready) const {
    if (desired == nullptr || ready.reason != reason::kDependencyNotReady) return false;
    const auto& needed = desired->definition.depends_on;
    return std::any_of(needed.begin(), needed.end(), [&](const ServiceName& name) {
      const auto other = in_.memory.services.find(name);
      if (other == in_.memory.services.end()) return false;
      const Condition* state = find(other->second.conditions, "Ready");
      return state != nullptr && state->status != Status::kTrue;
    });
  }

  void drifted(const ServiceName& name, const ServiceDesired& service, const Condition& ready) {
    for (const auto& [component, desired] : service.components) {
      const auto list = containers_.find({name, component});
      if (list == containers_.end()) continue;
      for (const ObservedContainer* container : list->second) {
        std::vector<std::string> fields;
        for (const FieldChange& change : drift(desired, *container))
          fields.push_back(change.field + " is " + change.to + ", not " + change.from);
        if (fields.empty() && container->owner->spec_hash != desired.spec_hash)
          fields.push_back("it was made from another definition");
        if (fields.empty()) continue;
        Alert& alert = of_service(alert::kDriftNotHealed, name,
                                  "is not what its definition says, and is left so", ready);
        alert.component = component;
        alert.since = {};
        alert.description =
            container->name + ": " + base::join(fields, "; ") + " (mcp status " + name.str() + ")";
        break;
      }
    }
  }

  const Situation& in_;
  const CauseOptions& options_;
  const TimePoint now_;
  std::map<ComponentKey, std::vector<const ObservedContainer*>> containers_;
  Causes out_;
};

}  // namespace

Causes causes_of(const Situation& situation, const CauseOptions& options, base::TimePoint now) {
  return Derivation(situation, options, now).run();
}

}  // namespace agent
