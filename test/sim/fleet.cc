#include "test/sim/fleet.h"

#include <algorithm>
#include <ostream>

#include "reconciler/placement.h"

namespace sim {

using base::Millis;
using reconciler::NodeName;
using reconciler::PeerAnswer;
using reconciler::RouteKey;
using reconciler::ServiceName;

namespace {

constexpr Millis kFaultTime = std::chrono::minutes(40);
constexpr Millis kHealTime = std::chrono::minutes(60);
constexpr Millis kQuietTime = std::chrono::minutes(30);
// After which everybody knows of a commit, or does not reach git.
constexpr Millis kKnown = std::chrono::minutes(10);
constexpr Millis kMostSkew = std::chrono::minutes(5);
constexpr int64_t kMaxSteps = 1'000'000;
constexpr uint16_t kListener = 8443;
const char* const kServices[] = {"api", "cache", "mail", "shop", "web", "wiki"};

// Of its only route; empty: none.
std::string edge_of(const crds::Service& service) {
  const auto& routes = service.components.front().routes;
  return routes.empty() ? "" : routes.front().edge;
}

std::string address_of(const std::string& node) {
  return "10.0.0." + std::to_string(node.front());
}

}  // namespace

// What one node can learn of another: how its mc-proxy answers, or what it reports.
class Witness : public reconciler::Peers {
 public:
  explicit Witness(Fleet& fleet) : fleet_(fleet) {}

  PeerAnswer ask(const reconciler::PeerQuestion& question) override {
    using State = PeerAnswer::State;
    PeerAnswer answer{.node = question.handover.to, .state = State::kUnknown, .message = ""};
    Fleet::Node& there = fleet_.nodes_.at(question.handover.to.str());
    const auto& names = question.handover.names;
    if (!names.empty()) {
      const bool ready = there.on && std::all_of(names.begin(), names.end(), [&](const auto& name) {
                           return fleet_.serves(there, name.key);
                         });
      answer.state = ready ? State::kReady : State::kNotReady;
      if (!ready) answer.message = "the name is not served";
    } else if (const Outbox::Said* said = there.station->outbox.published()) {
      const bool ready =
          said->revision == question.revision && said->ready.contains(question.service);
      answer.state = ready ? State::kReady : State::kNotReady;
      if (!ready) answer.message = "it is not reported";
    }
    return answer;
  }

 private:
  Fleet& fleet_;
};

Fleet::Fleet(uint64_t seed, std::ostream* trace)
    : random_(seed),
      trace_(trace),
      calm_(random_.chance(50)),
      now_(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)) {
  for (const char* name : {"a", "b", "c", "d"}) {
    Node& node = nodes_[name];
    node.peers = std::make_unique<Witness>(*this);
    node.station = std::make_unique<Station>(
        Station::Options{
            .name = NodeName(name), .reports = true, .peers = node.peers.get(), .trace = trace},
        random_, branch_);
    skew_[name] = Millis(random_.below(2 * kMostSkew.count())) - kMostSkew;
    node.station->now = now_ + skew_[name];
    node.station->runtime.faults = [this](const auto&) -> std::optional<test::FakeRuntime::Fault> {
      if (!faults_ || !random_.chance(3)) return std::nullopt;
      return test::FakeRuntime::Fault{
          base::make_error(base::Code::kTimeout, "podman did not answer in 30s"),
          random_.chance(50)};
    };
    node.station->router.faults = [this](const auto&) -> std::optional<test::FakeRouter::Fault> {
      if (!faults_ || !random_.chance(3)) return std::nullopt;
      return test::FakeRouter::Fault{base::make_error(base::Code::kTimeout, "no answer"),
                                     random_.chance(50)};
    };
    node.station->boot();
    if (name != std::string("d"))
      branch_.nodes[NodeName(name)] = {.name = NodeName(name), .address = address_of(name)};
  }
}

// For the reader of a trace.
void Fleet::explain() {
  if (trace_ == nullptr) return;
  for (const auto& [name, node] : nodes_) {
    if (!node.on) continue;
    const reconciler::Desired& desired = node.station->loop->desired();
    node.station->trace("follows commit " + desired.revision.str());
    for (const auto& [service, wanted] : desired.services)
      node.station->trace("has " + service.str() + ", which goes to '" + wanted.goes_to.str() +
                          "', data on '" + wanted.data_on.str() + "'");
    for (const auto& edge : desired.edges)
      node.station->trace("is the edge of " + edge.spec.key.text() + " to " + edge.node.str() +
                          ", formerly '" + edge.former + "'");
    for (const auto& [key, route] : node.station->router.routes())
      node.station->trace("leads " + key.text() + " to " + route.spec.backend);
    for (const auto& [id, container] : node.station->runtime.containers())
      node.station->trace("runs " + container.name + " of " + container.image);
  }
}

Report Fleet::run() {
  for (const char* name : {"api", "mail", "web"})
    services_[ServiceName(name)] = random_service(name);
  push();
  live(std::chrono::minutes(5), false);
  live(kFaultTime, true);
  heal();
  if (!report_.violation.empty()) explain();
  return report_;
}

void Fleet::happened(const std::string& kind, const std::string& detail) {
  ++report_.faults["fleet: " + kind];
  if (trace_ != nullptr) *trace_ << base::to_rfc3339(now_) << " " << kind << " " << detail << "\n";
}

void Fleet::advance() {
  const Millis longest = std::chrono::seconds(faults_ ? 1 : 30);
  base::TimePoint next = now_ + longest;
  for (auto& [name, node] : nodes_)
    if (node.on) next = std::min(next, node.station->next(longest) - skew_[name]);
  now_ = std::max(now_, next);
  for (auto& [name, node] : nodes_) {
    if (!node.on) continue;
    node.station->now = now_ + skew_[name];
    node.station->work();
    node.station->step();
  }
  check();
  if (++report_.steps > kMaxSteps && report_.violation.empty())
    report_.violation = "rule 7: the loops never rest";
}

void Fleet::live(Millis time, bool disturbed) {
  const base::TimePoint end = now_ + time;
  while (now_ < end && report_.violation.empty()) {
    if (disturbed && random_.below(120) == 0) disturb();
    advance();
  }
}

// ---------------------------------------------------------------- what always holds

void Fleet::check() {
  for (const auto& [name, node] : nodes_)
    if (report_.violation.empty() && !node.station->rules.violation().empty())
      report_.violation = "node " + name + ": " + node.station->rules.violation();
  data_has_one_writer();
  names_are_served();
}

std::vector<std::string> Fleet::writers(const ServiceName& service) const {
  std::vector<std::string> found;
  for (const auto& [name, node] : nodes_) {
    const auto& all = node.station->runtime.containers();
    if (std::any_of(all.begin(), all.end(), [&](const auto& entry) {
          return entry.second.owner && entry.second.owner->key.service == service &&
                 entry.second.state == reconciler::ContainerState::kRunning;
        }))
      found.push_back(name);
  }
  return found;
}

void Fleet::data_has_one_writer() {
  for (const auto& [name, service] : services_) {
    if (!reconciler::keeps_data(service)) continue;
    const auto found = writers(name);
    if (found.size() > 1 && report_.violation.empty())
      report_.violation = name.str() + " keeps data, and runs on " + found[0] + " and " + found[1];
  }
}

Fleet::Node* Fleet::node_at(const std::string& address) {
  for (auto& [name, node] : nodes_)
    if (address_of(name) == address) return &node;
  return nullptr;
}

bool Fleet::serves(Node& node, const RouteKey& key, int hops) {
  const reconciler::ObservedRoute* route = node.station->router.find(key);
  if (!node.on || route == nullptr) return false;
  if (const auto* backend = node.station->rules.backend_of(route->spec)) return answers(*backend);
  const std::string& address = route->spec.backend;
  Node* next = node_at(address.substr(0, address.rfind(':')));
  return hops > 0 && next != nullptr && serves(*next, key, hops - 1);
}

bool Fleet::answered(const ServiceName& name) {
  for (const crds::Component& component : services_.at(name).components)
    for (const crds::Route& route : component.routes) {
      const RouteKey key{route.port, route.hostname};
      const bool here = route.edge.empty()
                            ? std::any_of(nodes_.begin(), nodes_.end(),
                                          [&](auto& node) { return serves(node.second, key); })
                            : serves(nodes_.at(route.edge), key);
      if (!here) return false;
    }
  return true;
}

void Fleet::names_are_served() {
  if (!calm_ || !faults_) return;
  for (const auto& [name, service] : services_) {
    if (!service.active || reconciler::keeps_data(service)) continue;
    // An edge has a minute to learn of a handover, and this one may not (decision 13, costs).
    const std::string edge = edge_of(service);
    if (!edge.empty() &&
        (nodes_.at(edge).station->cut_off || nodes_.at(edge).station->executor->slow)) {
      served_.erase(name);
      changed_[name] = now_;
    }
    const bool now = answered(name);
    if (now && now_ - changed_[name] > kKnown) served_.insert(name);
    if (!now && served_.contains(name) && report_.violation.empty())
      report_.violation = "rule 2: " + name.str() + " is without service";
  }
}

// ---------------------------------------------------------------- what happens

crds::Service Fleet::random_service(const std::string& name) {
  crds::Service service;
  service.name = ServiceName(name);
  crds::Component component;
  component.name = crds::ComponentName("main");
  component.image = "app:v1";
  if (random_.chance(80)) {
    crds::Route route{.name = "", .port = kListener};
    route.hostname = name + ".test";
    if (random_.chance(30)) route.mode = crds::Route::Mode::kL7;
    if (random_.chance(30)) route.edge = random_.pick(nodes_).first;
    component.routes.push_back(route);
  }
  if (random_.chance(30)) component.volumes.push_back({"/srv/" + name, "/data", {}});
  service.components.push_back(std::move(component));
  changed_[service.name] = now_;
  return service;
}

void Fleet::push() {
  std::vector<crds::Service> all;
  for (const auto& [name, service] : services_) all.push_back(service);
  branch_.push(std::move(all), {}, 1);
}

void Fleet::disturb() {
  switch (random_.below(4)) {
    case 0:
      return change_service();
    case 1:
      return move_data();
    default:
      return disturb_nodes();
  }
}

void Fleet::change_service() {
  static const char* const kImages[] = {"app:v1", "app:v2", "app:v3", "mute:v1"};
  const ServiceName name(kServices[random_.below(std::size(kServices))]);
  const auto found = services_.find(name);
  if (found == services_.end()) {
    services_[name] = random_service(name.str());
    push();
    return happened("commit: new service", name.str());
  }
  crds::Service& service = found->second;
  const bool data = reconciler::keeps_data(service);
  switch (random_.below(6)) {
    case 0:
      // Its data would be forgotten here, and not on the disk.
      if (data) return;
      service.active = !service.active;
      served_.erase(name);
      changed_[name] = now_;
      push();
      return happened("commit: active", name.str());
    case 1:
      if (!may_move()) return;
      service.node = random_.chance(50) ? NodeName() : random_.pick(branch_.nodes).first;
      push();
      return happened("commit: pinned", name.str() + " " + service.node.str());
    default:
      service.components.front().image = kImages[random_.below(std::size(kImages))];
      push();
      return happened("commit: version", name.str());
  }
}

// As an operator does it: stop it, see that it is stopped everywhere, and say where it is to start.
void Fleet::move_data() {
  for (auto& [name, service] : services_) {
    if (!reconciler::keeps_data(service)) continue;
    if (service.active) {
      if (!random_.chance(30)) continue;
      service.active = false;
      push();
      return happened("commit: data stopped", name.str());
    }
    const bool known = std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
      return node.second.on &&
             node.second.station->loop->desired().revision == branch_.head().revision;
    });
    if (!known || !writers(name).empty()) continue;
    service.active = true;
    if (random_.chance(70)) {
      service.node = random_.chance(50) ? NodeName() : random_.pick(branch_.nodes).first;
      service.restarted_at = now_;
    }
    push();
    return happened("commit: data started", name.str());
  }
}

// In a calm life a service is not called back while it is on its way: who has not seen the one
// commit would be told of the other alone.
bool Fleet::may_move() {
  if (calm_ && now_ - moved_ < kKnown) return false;
  moved_ = now_;
  return true;
}

void Fleet::disturb_nodes() {
  auto& [name, node] = random_.pick(nodes_);
  const auto file = branch_.nodes.find(NodeName(name));
  const uint64_t what = random_.below(calm_ ? 7 : 10);
  if (what <= 2 && !may_move()) return;
  switch (what) {
    case 0:
      if (file == branch_.nodes.end()) return;
      file->second.schedulable = !file->second.schedulable;
      push();
      return happened("commit: drained or not", name);
    case 1:
      if (file == branch_.nodes.end()) return;
      file->second.cpus = 1 + static_cast<double>(random_.below(8));
      push();
      return happened("commit: capacity", name);
    case 2:
      if (file == branch_.nodes.end())
        branch_.nodes[NodeName(name)] = {.name = NodeName(name), .address = address_of(name)};
      else if (branch_.nodes.size() > 2)
        branch_.nodes.erase(file);
      push();
      return happened("commit: node comes or goes", name);
    case 3:
      node.station->cut_off = !node.station->cut_off;
      return happened("git out of reach or back", name);
    case 4:
    case 5:
      if (node.on) node.station->crash();
      return happened("agent killed", name);
    case 6:
      node.station->executor->slow = !node.station->executor->slow;
      return happened("slow or fast", name);
    case 7:
    case 8: {
      if (node.on) {
        node.station->executor->kill();
        node.station->runtime.reboot();
      } else {
        node.station->now = now_ + skew_[name];
        node.station->boot();
      }
      node.on = !node.on;
      return happened("node off or on", name);
    }
    default: {
      std::vector<reconciler::ContainerId> ids;
      for (const auto& [id, container] : node.station->runtime.containers()) ids.push_back(id);
      if (ids.empty()) return;
      const auto id = random_.pick(ids);
      const auto& container = node.station->runtime.containers().at(id);
      node.station->rules.disturbed(container.owner->key,
                                    node.station->now + std::chrono::minutes(3));
      node.station->runtime.kill(id);
      return happened("container killed", container.name);
    }
  }
}

// ---------------------------------------------------------------- in the end

void Fleet::heal() {
  if (!report_.violation.empty()) return;
  faults_ = false;
  for (auto& [name, node] : nodes_) {
    node.station->cut_off = node.station->executor->slow = false;
    if (!node.on) {
      node.station->now = now_ + skew_[name];
      node.station->boot();
      node.on = true;
    }
    branch_.nodes[NodeName(name)] = {.name = NodeName(name), .address = address_of(name)};
  }
  for (auto& [name, service] : services_) {
    service.components.front().image = "app:v3";
    const auto data = branch_.head().data_nodes.find(name);
    if (reconciler::keeps_data(service) && data != branch_.head().data_nodes.end())
      service.node = data->second;
  }
  push();
  happened("healed");
  live(kHealTime, false);
  if (!report_.violation.empty()) return;
  converged();
  int before = 0, after = 0;
  for (const auto& [name, node] : nodes_)
    before += node.station->runtime.effects() + node.station->router.effects() +
              node.station->store.commits();
  live(kQuietTime, false);
  for (const auto& [name, node] : nodes_)
    after += node.station->runtime.effects() + node.station->router.effects() +
             node.station->store.commits();
  if (after != before && report_.violation.empty())
    report_.violation = "rule 7: a converged fleet is written to";
}

void Fleet::converged() {
  const auto violated = [&](const std::string& what) {
    if (report_.violation.empty()) report_.violation = what;
  };
  for (const auto& [name, service] : services_) {
    const auto found = writers(name);
    const NodeName wanted = reconciler::place(service, branch_.nodes, NodeName());
    if (!service.active && !found.empty())
      violated("rule 7: " + name.str() + " is inactive, and runs on " + found.front());
    if (service.active && found != std::vector{wanted.str()})
      violated("rule 7: " + name.str() + " runs on " + std::to_string(found.size()) +
               " nodes, and should on " + wanted.str());
    if (service.active && !answered(name)) violated("rule 7: " + name.str() + " is not answered");
  }
  for (auto& [name, node] : nodes_) {
    Station& station = *node.station;
    station.rules.converged(station.loop->desired());
    station.rules.recorded(station.store);
    if (!station.outbox.true_now()) violated("node " + name + " has not reported how it stands");
    if (!station.rules.violation().empty())
      violated("node " + name + ": " + station.rules.violation());
    const auto& conditions = station.loop->memory().conditions;
    if (conditions.empty() || conditions.front().status != reconciler::Status::kTrue)
      violated("rule 7: node " + name + " is not Ready: " +
               (conditions.empty() ? "no condition" : conditions.front().message));
  }
}

}  // namespace sim
