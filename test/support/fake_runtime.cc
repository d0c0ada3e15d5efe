#include "test/support/fake_runtime.h"

#include <algorithm>
#include <utility>

#include "base/core/text.h"
#include "reconciler/labels.h"

namespace test {

using base::Code;
using base::Millis;
using base::Result;
using base::TimePoint;
using crds::PortMapping;
using reconciler::ContainerId;
using reconciler::ContainerSpec;
using reconciler::ContainerState;
using reconciler::ObservedContainer;

namespace {

bool has_process(const ObservedContainer& container) {
  return container.state == ContainerState::kRunning || container.state == ContainerState::kPaused;
}

bool any_address(const std::string& ip) {
  return ip.empty() || ip == "0.0.0.0";
}

bool collide(const PortMapping& a, const PortMapping& b) {
  return a.host_port == b.host_port && a.protocol == b.protocol &&
         (a.host_ip == b.host_ip || any_address(a.host_ip) || any_address(b.host_ip));
}

}  // namespace

FakeRuntime::FakeRuntime(Clock clock)
    : clock_([clock = std::move(clock)] {  // podman's list has seconds
        return TimePoint(std::chrono::floor<std::chrono::seconds>(clock()));
      }) {}

template <class T>
Result<T> FakeRuntime::run(const Call& call, const std::function<Result<T>()>& effect) {
  ++calls_[call.kind];
  if (on_call) on_call(call);
  const std::optional<Fault> fault = faults ? faults(call) : std::nullopt;
  if (fault && !fault->after_effect) return fault->error;
  Result<T> result = effect();
  if (fault) return fault->error;
  return result;
}

Result<std::vector<ObservedContainer>> FakeRuntime::list() {
  using All = std::vector<ObservedContainer>;
  return run<All>({Kind::kList, {}, {}}, [this]() -> Result<All> {
    All all;
    for (const auto& [id, container] : containers_) all.push_back(container);
    return all;
  });
}

Result<> FakeRuntime::pull(const std::string& image) {
  return run<void>({Kind::kPull, image, {}}, [&]() -> Result<> {
    if (images_.contains(image)) return {};
    const auto answer = registry_.find(image);
    if (answer == registry_.end())
      return base::not_found("cannot pull " + image + ": manifest unknown",
                             "push the image, or correct its name");
    MCP_CHECK(answer->second);
    images_.insert(image);
    ++effects_;
    return {};
  });
}

Result<ContainerId> FakeRuntime::create(const ContainerSpec& spec) {
  return run<ContainerId>({Kind::kCreate, spec.name, spec.name}, [&] { return make(spec); });
}

Result<ContainerId> FakeRuntime::make(const ContainerSpec& spec) {
  if (const ObservedContainer* other = find(spec.name)) {
    if (other->owner && reconciler::same_make(*other->owner, spec.owner)) return other->id;
    return base::make_error(Code::kConflict, "cannot create container " + spec.name +
                                                 ": the name is taken by container " +
                                                 other->id.str());
  }
  if (!images_.contains(spec.component.image))
    return base::not_found("cannot create container " + spec.name + ": image " +
                           spec.component.image + " is not in local storage");
  ObservedContainer made;
  made.id = next_id();
  made.name = spec.name;
  made.state = ContainerState::kCreated;
  made.owner = spec.owner;
  made.image = spec.component.image;
  made.ports = spec.ports;
  for (PortMapping& port : made.ports)
    if (port.host_port == 0) port.host_port = next_port_++;
  specs_[made.id] = spec;
  containers_[made.id] = made;
  ++effects_;
  on_event(made.id);
  return made.id;
}

Result<ObservedContainer> FakeRuntime::inspect(const ContainerId& id) {
  return run<ObservedContainer>(
      {Kind::kInspect, id.str(), name_of(id)}, [&]() -> Result<ObservedContainer> {
        const auto found = containers_.find(id);
        if (found == containers_.end())
          return base::not_found("cannot inspect container " + id.str() + ": no such container");
        return found->second;
      });
}

Result<ObservedContainer> FakeRuntime::start(const ContainerId& id) {
  return run<ObservedContainer>({Kind::kStart, id.str(), name_of(id)},
                                [&] { return run_process(id); });
}

Result<ObservedContainer> FakeRuntime::run_process(const ContainerId& id) {
  const auto found = containers_.find(id);
  if (found == containers_.end())
    return base::not_found("cannot start container " + id.str() + ": no such container");
  ObservedContainer& container = found->second;
  if (container.state == ContainerState::kRunning) return container;
  if (container.state == ContainerState::kPaused) {
    ++effects_;
    container.state = ContainerState::kRunning;
    on_event(id);
    return container;
  }
  if (const auto port = taken_port(container))
    return base::make_error(Code::kConflict, "cannot start container " + container.name +
                                                 ": host port " + std::to_string(*port) +
                                                 " is in use");
  ++effects_;
  container.state = ContainerState::kRunning;
  container.started_at = clock_();
  container.exit_code = 0;
  container.pid = next_pid_++;
  on_event(id);
  if (const auto code = exits_at_start ? exits_at_start(container) : std::nullopt) end(id, *code);
  return container;
}

Result<> FakeRuntime::stop(const ContainerId& id, std::optional<Millis>) {
  return run<void>({Kind::kStop, id.str(), name_of(id)}, [&]() -> Result<> {
    const auto found = containers_.find(id);
    if (found == containers_.end() || !has_process(found->second)) return {};
    ++effects_;
    end(id, 143);
    return {};
  });
}

Result<> FakeRuntime::remove(const ContainerId& id) {
  return run<void>({Kind::kRemove, id.str(), name_of(id)}, [&]() -> Result<> {
    if (containers_.contains(id)) ++effects_;
    remove_by_hand(id);
    return {};
  });
}

Result<std::vector<std::string>> FakeRuntime::last_lines(const ContainerId& id, int count) {
  return run<std::vector<std::string>>(
      {Kind::kLogs, id.str(), name_of(id)}, [&]() -> Result<std::vector<std::string>> {
        if (!containers_.contains(id)) return base::not_found("no such container");
        const std::vector<std::string>& all = logs_[id];
        const auto wanted = std::min<long>(count, std::ssize(all));
        return std::vector<std::string>(all.end() - wanted, all.end());
      });
}

void FakeRuntime::say(const ContainerId& id, const std::string& line) {
  logs_[id].push_back(line);
}

std::set<uint16_t> FakeRuntime::listening() {
  std::set<uint16_t> ports = occupied_;
  for (const auto& [id, container] : containers_) {
    if (!has_ports(container)) continue;
    for (const PortMapping& port : container.ports)
      if (port.protocol == "tcp") ports.insert(port.host_port);
  }
  return ports;
}

void FakeRuntime::add_image(const std::string& image) {
  images_.insert(image);
}
void FakeRuntime::remove_image(const std::string& image) {
  images_.erase(image);
}
void FakeRuntime::publish(const std::string& image) {
  registry_.insert_or_assign(image, Result<>());
}
void FakeRuntime::refuse(const std::string& image, base::Error error) {
  registry_.insert_or_assign(image, Result<>(std::move(error)));
}
bool FakeRuntime::has_image(const std::string& image) const {
  return images_.contains(image);
}
void FakeRuntime::occupy_port(uint16_t port) {
  occupied_.insert(port);
}
void FakeRuntime::free_port(uint16_t port) {
  occupied_.erase(port);
}

ContainerId FakeRuntime::add_foreign(const std::string& name, std::vector<PortMapping> ports) {
  ObservedContainer made;
  made.id = next_id();
  made.name = name;
  made.state = ContainerState::kRunning;
  made.image = "docker.io/library/other:1";
  made.ports = std::move(ports);
  made.started_at = clock_();
  made.pid = next_pid_++;
  containers_[made.id] = made;
  on_event(made.id);
  return made.id;
}

void FakeRuntime::end(const ContainerId& id, int exit_code) {
  const auto found = containers_.find(id);
  if (found == containers_.end() || !has_process(found->second)) return;
  found->second.state = ContainerState::kExited;
  found->second.exit_code = exit_code;
  found->second.exited_at = clock_();
  found->second.pid = 0;
  on_event(id);
}

void FakeRuntime::pause_by_hand(const ContainerId& id) {
  const auto found = containers_.find(id);
  if (found == containers_.end() || found->second.state != ContainerState::kRunning) return;
  found->second.state = ContainerState::kPaused;
  on_event(id);
}

void FakeRuntime::start_by_hand(const ContainerId& id) {
  const int before = effects_;
  static_cast<void>(run_process(id).has_value());
  effects_ = before;
}

void FakeRuntime::remove_by_hand(const ContainerId& id) {
  const ContainerId gone = id;  // it may be the container's own
  containers_.erase(gone);
  specs_.erase(gone);
  on_event(gone);
}

void FakeRuntime::reboot() {
  for (const auto& [id, container] : containers_) end(id, 137);
}

const std::map<ContainerId, ObservedContainer>& FakeRuntime::containers() const {
  return containers_;
}

const ObservedContainer* FakeRuntime::find(const std::string& name) const {
  for (const auto& [id, container] : containers_)
    if (container.name == name) return &container;
  return nullptr;
}

const ContainerSpec* FakeRuntime::spec(const ContainerId& id) const {
  const auto found = specs_.find(id);
  return found == specs_.end() ? nullptr : &found->second;
}

int FakeRuntime::calls(Kind kind) const {
  const auto found = calls_.find(kind);
  return found == calls_.end() ? 0 : found->second;
}

int FakeRuntime::writes() const {
  int sum = 0;
  for (const auto& [kind, count] : calls_)
    if (kind != Kind::kList && kind != Kind::kInspect && kind != Kind::kLogs) sum += count;
  return sum;
}

int FakeRuntime::effects() const {
  return effects_;
}

std::string FakeRuntime::name_of(const ContainerId& id) const {
  const auto found = containers_.find(id);
  return found == containers_.end() ? std::string() : found->second.name;
}

bool FakeRuntime::has_ports(const ObservedContainer& container) const {
  const Millis ended = clock_() - container.exited_at;
  return has_process(container) || (ended >= Millis(0) && ended < port_closes);
}

std::optional<uint16_t> FakeRuntime::taken_port(const ObservedContainer& starting) const {
  for (const PortMapping& port : starting.ports) {
    if (port.protocol == "tcp" && occupied_.contains(port.host_port)) return port.host_port;
    for (const auto& [id, other] : containers_) {
      if (!has_ports(other)) continue;  // its own, too, while they are not given back
      for (const PortMapping& theirs : other.ports)
        if (collide(port, theirs)) return port.host_port;
    }
  }
  return std::nullopt;
}

ContainerId FakeRuntime::next_id() {
  return ContainerId(base::sha256_hex("container " + std::to_string(++made_)));
}

}  // namespace test
