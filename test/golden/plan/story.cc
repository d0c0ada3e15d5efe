#include "story.h"

#include <stdexcept>

#include "agent/apply/apply.h"
#include "base/core/text.h"
#include "reconciler/adoption.h"
#include "reconciler/handover.h"
#include "reconciler/normalise.h"
#include "reconciler/resolve.h"
#include "reconciler/steps.h"

namespace test {

using reconciler::ContainerState;
using reconciler::ObservedContainer;

namespace {

constexpr int kMaxSteps = 40;  // of one run
constexpr uint16_t kListener = 8443;

std::string since(base::TimePoint start, base::TimePoint at) {
  const base::Millis passed = at - start;
  return passed.count() < 0 ? "-" + base::to_duration(-passed) : "+" + base::to_duration(passed);
}

std::pair<std::string, std::string> halves(const std::string& text, char separator) {
  const size_t at = text.find(separator);
  return at == std::string::npos ? std::pair(text, std::string())
                                 : std::pair(text.substr(0, at), text.substr(at + 1));
}

crds::Labels labels(const std::string& text) {
  crds::Labels out;
  for (const std::string& part : base::split(text, ',')) out.insert(halves(part, ':'));
  return out;
}

crds::Restart restart_of(const std::string& value) {
  using Policy = crds::Restart::Policy;
  const auto [policy, retries] = halves(value, ':');
  if (policy == "no") return {Policy::kNo, {}};
  if (policy == "always") return {Policy::kAlways, {}};
  if (policy == "unless-stopped") return {Policy::kUnlessStopped, {}};
  return {Policy::kOnFailure, retries.empty() ? std::nullopt : std::optional(std::stoi(retries))};
}

// How long a stop may take, unless that is the usual time.
std::string within(const reconciler::Step& step) {
  if (step.kind != reconciler::StepKind::kStop) return "";
  if (!step.stop_timeout) return " (within its own time)";
  const bool usual = *step.stop_timeout == std::chrono::seconds(10);
  return usual ? "" : " (within " + base::to_duration(*step.stop_timeout) + ")";
}

}  // namespace

Story::Story()
    : now_(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)),
      start_(now_),
      runtime_([this] { return now_; }) {
  for (const char* image : {"app:v1", "app:v2", "app:v3"})
    runtime_.publish(image), runtime_.add_image(image);
  runtime_.exits_at_start = [this](const ObservedContainer& one) -> std::optional<int> {
    const auto found = crashing_.find(one.image);
    if (found == crashing_.end()) return std::nullopt;
    if (const auto words = last_words_.find(one.image); words != last_words_.end())
      runtime_.say(one.id, words->second);
    return found->second;
  };
  runtime_.faults = [this](const FakeRuntime::Call&) -> std::optional<FakeRuntime::Fault> {
    if (!away_) return std::nullopt;
    return FakeRuntime::Fault{base::unavailable("cannot reach podman: connection refused")};
  };
}

std::string Story::tell(const std::string& text) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("  ")) continue;
    out_ << line << "\n";
    if (!line.starts_with("> ")) continue;
    Words words;
    std::istringstream parts(line.substr(2));
    for (std::string word; parts >> word;) words.push_back(word);
    command(words);
  }
  return out_.str();
}

void Story::say(const std::string& line) {
  out_ << "  " << line << "\n";
}

void Story::command(const Words& words) {
  if (!world_command(words) && !proxy_command(words) && !wish_command(words))
    throw std::invalid_argument("unknown command: " + base::join(words, " "));
}

const ObservedContainer& Story::container(const std::string& name) const {
  const ObservedContainer* found = runtime_.find(name);
  if (found == nullptr) throw std::invalid_argument("no container " + name);
  return *found;
}

bool Story::world_command(const Words& words) {
  const std::string& verb = words[0];
  const std::string what = words.size() > 1 ? words[1] : "";
  const std::string more = words.size() > 2 ? words[2] : "";
  const auto port = [](const std::string& text) { return static_cast<uint16_t>(std::stoi(text)); };
  if (verb == "publish") return runtime_.publish(what), true;
  if (verb == "unpublish")
    return runtime_.refuse(what, base::not_found("cannot pull " + what + ": manifest unknown")),
           true;
  if (verb == "lack") return runtime_.remove_image(what), true;
  if (verb == "mute") return mute_.insert(what), true;
  if (verb == "unmute") return mute_.erase(what), true;
  if (verb == "crash") {
    if (words.size() > 3)
      last_words_[what] = base::join(std::vector<std::string>(words.begin() + 3, words.end()), " ");
    return crashing_[what] = std::stoi(more), true;
  }
  if (verb == "start") return runtime_.start_by_hand(container(what).id), true;
  if (verb == "heal") return crashing_.erase(what), true;
  if (verb == "end") return runtime_.end(container(what).id, std::stoi(more)), true;
  if (verb == "pause") return runtime_.pause_by_hand(container(what).id), true;
  if (verb == "remove") return runtime_.remove_by_hand(container(what).id), true;
  if (verb == "reboot") return runtime_.reboot(), true;
  if (verb == "occupy") return runtime_.occupy_port(port(what)), true;
  if (verb == "ports-close") return runtime_.port_closes = base::parse_duration(what).value(), true;
  if (verb == "free") return runtime_.free_port(port(what)), true;
  if (verb == "adopt") return adopt(what, more), true;
  if (verb == "drift") return drifts_[what] = more, true;
  if (verb == "podman") return away_ = what == "away", true;
  if (verb == "foreign") {
    std::vector<crds::PortMapping> ports;
    if (!more.empty()) ports.push_back({"", port(more), 80, "tcp"});
    return runtime_.add_foreign(what, ports), true;
  }
  if (verb == "other-node") {
    reconciler::ContainerSpec spec;
    spec.name = what;
    spec.component.image = "app:v1";
    spec.owner.key = {crds::ServiceName("web"), crds::ComponentName("main")};
    spec.owner.node = crds::NodeName("elsewhere");
    runtime_.add_image("app:v1");
    static_cast<void>(runtime_.start(runtime_.create(spec).value()).value());
    return true;
  }
  if (verb == "agent") {
    readiness_.clear();
    if (what == "loses") desired_.reset(), memory_ = {};
    return true;
  }
  if (verb == "clock") return now_ -= base::parse_duration(what.substr(1)).value(), true;
  if (verb == "run") return run(base::parse_duration(what).value()), true;
  return false;
}

bool Story::proxy_command(const Words& words) {
  const std::string& verb = words[0];
  const std::string what = words.size() > 1 ? words[1] : "";
  const auto number = [&](size_t i) { return std::stoll(words.at(i)); };
  const reconciler::RouteKey key{kListener, what};
  if (verb == "requests")
    return router_.add_traffic(key, {.requests = number(2), .failed = number(3)}), true;
  if (verb == "connections") {
    router_.close_all(key);
    return router_.open(key, number(2)), true;
  }
  if (verb != "proxy") return false;
  if (what == "on") proxied_ = true;
  if (what == "away" || what == "back") router_.down = what == "away";
  if (what == "loses") router_.lose_routes();
  if (what == "stops-serving" || what == "serves") router_.serving = what == "serves";
  if (what == "refuses") router_.bad_certificates.emplace(words.at(2), base::invalid("it is bad"));
  if (what == "accepts") router_.bad_certificates.erase(words.at(2));
  if (what == "foreign")
    router_.add_foreign({.key = {kListener, words.at(2)}, .backend = "127.0.0.1:1"});
  return true;
}

bool Story::wish_command(const Words& words) {
  const std::string& verb = words[0];
  const std::string name = words.size() > 1 ? words[1] : "";
  const auto [service_name, component_name] = halves(name, '/');
  const auto each = [&](size_t from, const auto& set) {
    for (size_t i = from; i < words.size(); ++i) {
      const auto [key, value] = halves(words[i], '=');
      set(key, value);
    }
  };
  if (verb == "break") return broken_.insert(name), true;
  if (verb == "mend") return broken_.erase(name), true;
  if (verb == "commit") {
    int approved = 0;
    each(1, [&](const auto&, const auto& value) { approved = std::stoi(value); });
    return commit(approved), true;
  }
  if (verb == "fleet") {
    each(1, [&](const std::string& key, const std::string& value) {
      if (key == "network") fleet_.network = value;
      if (key == "user") fleet_.user = value;
      if (key == "prune_max") fleet_.prune_max = std::stoi(value);
    });
    return true;
  }
  if (verb == "policy") {
    each(1, [&](const std::string& key, const std::string& value) {
      const auto list = base::split(value, ',');
      if (key == "images") policy_.images = list;
      if (key == "volume_roots") policy_.volume_roots = list;
      if (key == "capabilities") policy_.capabilities = list;
      if (key == "host_network") policy_.host_network = value == "true";
    });
    return true;
  }
  if (verb == "node") {
    if (words.size() == 3 && words[2] == "gone") return nodes_.erase(crds::NodeName(name)), true;
    crds::Node& node = nodes_[crds::NodeName(name)];
    node.name = crds::NodeName(name);
    each(2, [&](const std::string& key, const std::string& value) {
      if (key == "labels") node.labels = labels(value);
      if (key == "schedulable") node.schedulable = value == "true";
      if (key == "address") node.address = value;
    });
    return true;
  }
  if (verb == "peer") {
    using State = reconciler::PeerAnswer::State;
    reconciler::PeerAnswer& answer = peers_[crds::ServiceName(words.at(2))];
    answer.node = crds::NodeName(name);
    answer.state = words.at(3) == "ready" ? State::kReady
                   : words.at(3) == "not" ? State::kNotReady
                                          : State::kUnknown;
    answer.message = answer.state == State::kNotReady ? "it does not answer at its name there" : "";
    return true;
  }
  if (verb == "drop") {
    if (component_name.empty()) return services_.erase(name), true;
    std::erase_if(services_.at(service_name).components,
                  [&, wanted = component_name](const auto& c) { return c.name.str() == wanted; });
    return true;
  }
  if (verb != "service" && verb != "define") return false;
  crds::Service& service = services_[service_name];
  service.name = crds::ServiceName(service_name);
  if (verb == "service") {
    each(2, [&](const std::string& key, const std::string& value) {
      if (key == "active") service.active = value == "true";
      if (key == "node") service.node = crds::NodeName(value);
      if (key == "placement") service.placement = labels(value);
      if (key == "restarted_at")
        service.restarted_at = start_ + std::chrono::seconds(std::stoi(value));
      if (key == "suspend") {
        service.suspend.reset();
        if (!value.empty()) service.suspend.emplace();
        if (!value.empty() && value != "open")
          service.suspend->until = start_ + base::parse_duration(value).value();
      }
      if (key == "heal") service.heal_drift = value == "true";
      if (key == "depends_on") {
        service.depends_on.clear();
        for (const std::string& other : base::split(value, ','))
          service.depends_on.emplace_back(other);
      }
    });
    return true;
  }
  const crds::ComponentName wanted(component_name.empty() ? "main" : component_name);
  crds::Component* component = nullptr;
  for (crds::Component& one : service.components)
    if (one.name == wanted) component = &one;
  if (component == nullptr) {
    component = &service.components.emplace_back();
    component->name = wanted;
  }
  each(2, [&](const auto& key, const auto& value) { set_component(*component, key, value); });
  return true;
}

void Story::set_component(crds::Component& component, const std::string& key,
                          const std::string& value) {
  const auto list = value.empty() ? std::vector<std::string>() : base::split(value, ',');
  if (key == "image") {
    component.image = value;
  } else if (key == "user") {
    component.user = value;
  } else if (key == "network") {
    component.network = value;
  } else if (key == "cap_add") {
    component.cap_add = list;
  } else if (key == "volumes") {
    component.volumes.clear();
    for (const std::string& text : list) {
      const auto [source, target] = halves(text, ':');
      component.volumes.push_back({source, target, {}});
    }
  } else if (key == "restart") {
    component.restart = restart_of(value);
  } else if (key == "stop_timeout") {
    component.stop_timeout = base::parse_duration(value).value();
  } else if (key == "strategy") {
    component.strategy = value == "recreate" ? crds::Strategy::kRecreate : crds::Strategy::kRolling;
  } else if (key == "env") {
    component.env = labels(value);
  } else if (key == "depends_on") {
    component.depends_on.clear();
    for (const std::string& other : list) component.depends_on.emplace_back(other);
  } else if (key == "routes") {
    component.routes.clear();
    for (const std::string& text : list) {
      const auto [route, host] = halves(text, '@');
      component.routes.push_back({.name = route == "-" ? "" : route});
      component.routes.back().hostname = host;
      component.routes.back().port = kListener;
      component.routes.back().mode = crds::Route::Mode::kL7;
    }
  } else if (key == "edge") {
    for (crds::Route& route : component.routes) route.edge = value;
  } else if (key == "volumes") {
    component.volumes.clear();
    for (const std::string& volume : list) {
      const auto [source, target] = halves(volume, ':');
      component.volumes.push_back({source, target, {}});
    }
  } else if (key == "ports") {
    component.ports.clear();
    for (const std::string& port : list) {
      const auto [host, inner] = halves(port, ':');
      component.ports.push_back({"", static_cast<uint16_t>(std::stoi(host)),
                                 static_cast<uint16_t>(std::stoi(inner)), "tcp"});
    }
  } else if (key == "health") {
    component.health.emplace();
    if (value == "cmd") component.health->check = crds::CmdCheck{{"true"}};
    if (value == "tcp") component.health->check = crds::TcpCheck{};
    if (value.starts_with("/")) component.health->check = crds::HttpCheck{value};
  } else if (key == "start_period") {
    component.health->start_period = base::parse_duration(value).value();
  } else {
    throw std::invalid_argument("unknown key: " + key);
  }
}

void Story::commit(int approved) {
  reconciler::Snapshot snapshot;
  const std::string number = std::to_string(++commits_);
  snapshot.revision =
      reconciler::Revision(std::string(7 - number.size(), '0') + number + std::string(33, '0'));
  snapshot.approved_removals = approved;
  snapshot.tree.fleet = fleet_;
  for (const auto& [name, node] : nodes_) snapshot.tree.nodes[name] = {node, {}};
  for (const auto& [name, service] : services_) {
    const std::string path = "services/" + name + ".toml";
    if (broken_.contains(name)) {
      const crds::Diagnostic problem{
          {path, 3, 1}, "imag", "unknown field", "did you mean 'image'?"};
      snapshot.tree.problems.push_back(problem);
      snapshot.tree.broken[service.name] = {problem};
    } else {
      snapshot.tree.services[service.name] = {service, {path, 1, 1}};
    }
  }
  std::map<crds::NodeName, crds::Node> nodes;
  for (const auto& [name, node] : nodes_) nodes.emplace(name, node);
  for (const auto& [name, located] : snapshot.tree.services)
    reconciler::follow_data(data_, located.value, nodes);
  for (const auto& [name, place] : data_)
    if (!place.node.empty()) snapshot.data_nodes.emplace(name, place.node);
  const crds::NodeName self("rift");
  desired_ = reconciler::resolve(snapshot, self, desired_ ? &*desired_ : nullptr, false, policy_);
  busy_ = runtime_.listening();
  say("commit " + desired_->revision.str().substr(0, 7));
}

void Story::adopt(const std::string& container_name, const std::string& text) {
  const auto [service_name, component_name] = halves(text, '/');
  const crds::Service& service = services_.at(service_name);
  const reconciler::ComponentKey key{
      service.name, crds::ComponentName(component_name.empty() ? "main" : component_name)};
  for (const crds::Component& component : service.components) {
    if (component.name != key.component) continue;
    reconciler::ComponentDesired wanted;
    wanted.spec = reconciler::complete(component, service, fleet_);
    wanted.spec_hash =
        reconciler::spec_hash(reconciler::container_fields(wanted.spec, service.restarted_at));
    const auto accepted = reconciler::accept_adoption(key, crds::NodeName("rift"), wanted,
                                                      container(container_name), false, {}, now_);
    if (accepted)
      memory_.components[key].adopted = *accepted;
    else
      say("refused: " + accepted.error().message);
  }
}

reconciler::Observed Story::observe() {
  reconciler::Observed observed;
  if (away_) observed.runtime_error = base::unavailable("cannot reach podman: connection refused");
  observed.containers = runtime_.containers();
  const auto adopted =
      reconciler::adopted_containers(desired_.value_or(reconciler::Desired{}), memory_);
  for (auto& [id, one] : observed.containers) reconciler::show_as_adopted(adopted, one);
  for (auto& [id, one] : observed.containers)
    if (one.state == reconciler::ContainerState::kExited)
      one.last_lines = runtime_.last_lines(id, 10).value_or(std::vector<std::string>());
  for (auto& [id, one] : observed.containers) {
    const auto drift = drifts_.find(one.name);
    if (drift == drifts_.end()) continue;
    if (drift->second == "image") one.image = "registry.example.net/other:v9";
    if (drift->second == "ports") one.ports.push_back({"", 4444, 44, "tcp"});
  }
  if (proxied_) {
    observed.proxy.emplace();
    if (router_.down) observed.proxy->error = base::unavailable("cannot reach mc-proxy");
    observed.proxy->asked_at = now_;
    if (const auto routes = router_.list())
      for (const reconciler::ObservedRoute& route : *routes)
        observed.proxy->routes.emplace(route.spec.key, route);
  }
  observed.readiness = readiness_;
  observed.busy_ports = busy_;
  observed.peers = peers_;
  return observed;
}

void Story::run(base::Millis horizon) {
  const base::TimePoint end = now_ + horizon;
  int steps = 0;
  for (;;) {
    std::erase_if(readiness_, [&](const auto& entry) {
      const auto found = runtime_.containers().find(entry.first);
      return found == runtime_.containers().end() ||
             found->second.state != ContainerState::kRunning;
    });
    reconciler::Outcome outcome =
        reconciler::reconcile(desired_.value_or(reconciler::Desired{}), observe(), memory_, now_);
    memory_ = std::move(outcome.next);
    say_conditions();
    for (const crds::ServiceName& service : outcome.handed_over) {
      say(since(start_, now_) + " lets go of " + service.str());
      reconciler::let_go(*desired_, service);
    }
    for (const reconciler::Step& step : outcome.plan.steps) apply(step);
    steps += static_cast<int>(outcome.plan.steps.size());
    if (steps >= kMaxSteps) {
      say("... and so on");
      break;
    }
    if (!outcome.plan.steps.empty() || !outcome.handed_over.empty() || probe(outcome.probes))
      continue;
    constexpr base::Millis kFollowEvery = std::chrono::milliseconds(500);
    if (outcome.follow_routes && now_ + kFollowEvery <= end &&
        (!outcome.wake_at || now_ + kFollowEvery < *outcome.wake_at)) {
      now_ += kFollowEvery;
      continue;
    }
    if (!outcome.wake_at || *outcome.wake_at > end) {
      if (outcome.wake_at)
        say(since(start_, now_) + " waits until " + since(start_, *outcome.wake_at));
      break;
    }
    now_ = *outcome.wake_at;
  }
  now_ = std::max(now_, end);
  say_containers();
}

void Story::apply(const reconciler::Step& step) {
  say(since(start_, now_) + " " + step.id + ": " + step.cause + within(step));
  const agent::Applied applied =
      agent::apply(step, {runtime_, &router_, reconciler::owner_of_routes(desired_->node)});
  if (!applied.result) {
    say("    failed: " + applied.result.error().text());
    if (applied.result.error().code == base::Code::kConflict) busy_ = runtime_.listening();
  }
  if (step.kind == reconciler::StepKind::kStart) readiness_.erase(step.container);
  auto& memory = memory_.components[step.key];
  memory = reconciler::absorb(memory, step, applied.result, now_);
}

// As often as it takes to know. True: somebody's readiness is another now.
bool Story::probe(const std::vector<reconciler::Probe>& probes) {
  bool changed = false;
  for (const reconciler::Probe& probe : probes) {
    const bool answers = !mute_.contains(runtime_.containers().at(probe.container).image);
    const reconciler::Readiness found =
        answers ? reconciler::Readiness{.ready = true}
                : reconciler::Readiness{false, probe.health.retries, "no answer"};
    const auto before = readiness_.find(probe.container);
    if (before != readiness_.end() && before->second == found) continue;
    readiness_[probe.container] = found;
    changed = true;
  }
  return changed;
}

void Story::say_conditions() {
  std::map<std::string, std::string> now;
  const auto text = [](const std::vector<reconciler::Condition>& conditions) {
    const reconciler::Condition& ready = conditions.front();
    std::string line = "Ready=" + std::string(name(ready.status)) + " " + ready.reason;
    for (size_t i = 1; i < conditions.size(); ++i) line += " " + conditions[i].type;
    return line + ": " + ready.message;
  };
  for (const auto& [service, memory] : memory_.services)
    now[service.str()] = text(memory.conditions);
  if (!memory_.conditions.empty()) now["the node"] = text(memory_.conditions);
  for (const auto& [who, line] : now)
    if (said_[who] != line) say(since(start_, now_) + " " + who + " " + line);
  for (const auto& [who, line] : said_)
    if (!now.contains(who)) say(since(start_, now_) + " " + who + " is no more");
  said_ = std::move(now);
}

void Story::say_containers() {
  for (const auto& [id, one] : runtime_.containers()) {
    std::string line = "= " + one.name + " " + std::string(name(one.state)) + " " + one.image;
    for (const crds::PortMapping& port : one.ports)
      line += " " + std::to_string(port.host_port) + ":" + std::to_string(port.container_port);
    if (!one.owner)
      line += reconciler::adopted_containers(*desired_, memory_).contains(id) ? " (adopted)"
                                                                              : " (foreign)";
    say(line);
  }
  for (const auto& [key, route] : router_.routes())
    say("= " + key.text() + " -> " + route.spec.backend +
        (route.spec.hold.count() > 0 ? " held" : "") +
        (route.draining > 0 ? " draining " + std::to_string(route.draining) : ""));
}

}  // namespace test
