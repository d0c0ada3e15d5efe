#include "test/sim/world.h"

#include <algorithm>
#include <utility>

namespace sim {

using base::Millis;
using reconciler::ContainerState;

void Executor::submit(std::function<void()> work, std::function<void()> done) {
  tasks_.push_back({now_ + latency(), std::move(work), std::move(done)});
}

Millis Executor::latency() {
  if (slow && random_.chance(10)) return Millis(random_.below(30'000));
  return Millis(1 + random_.below(random_.chance(10) ? 2000 : 150));
}

bool Executor::run_due() {
  std::vector<size_t> due;
  for (size_t i = 0; i < tasks_.size(); ++i)
    if (tasks_[i].at <= now_) due.push_back(i);
  if (due.empty()) return false;
  const size_t chosen = random_.pick(due);
  Task task = std::move(tasks_[chosen]);
  tasks_.erase(tasks_.begin() + static_cast<long>(chosen));
  if (task.worked) {
    task.done();
  } else {
    task.work();
    task.worked = true;
    task.at = now_ + Millis(random_.below(20));
    tasks_.push_back(std::move(task));
  }
  return true;
}

std::optional<base::TimePoint> Executor::next_at() const {
  const auto first = std::min_element(tasks_.begin(), tasks_.end(),
                                      [](const Task& a, const Task& b) { return a.at < b.at; });
  return first == tasks_.end() ? std::nullopt : std::optional(first->at);
}

void Executor::kill() {
  std::vector<Task> left = std::exchange(tasks_, {});
  for (Task& task : left)
    if (!task.worked && random_.chance(50)) task.work();
  tasks_.clear();
}

base::Result<> Store::takes_writes() const {
  if (full)
    return base::make_error(base::Code::kExhausted, "cannot write the registry: disk full",
                            "free some space");
  if (damaged) return base::make_error(base::Code::kCorrupt, "the registry was lost");
  return {};
}

base::Result<> Store::commit(const reconciler::Transaction& transaction) {
  if (damaged && !noticed_) {
    lose();
    damaged = noticed_ = true;
    on_damage_found(transaction.events.size());
  }
  if (const auto taken = takes_writes(); !taken) {
    damaged = noticed_ = damaged && full;
    return taken;
  }
  ++commits_;
  written = true;
  if (transaction.desired) saved_.desired = transaction.desired;
  for (const auto& [key, memory] : transaction.components) saved_.memory.components[key] = memory;
  for (const auto& key : transaction.forgotten_components) saved_.memory.components.erase(key);
  for (const auto& [service, memory] : transaction.services)
    saved_.memory.services[service] = memory;
  for (const auto& service : transaction.forgotten_services) saved_.memory.services.erase(service);
  if (transaction.node)
    std::tie(saved_.memory.conditions, saved_.memory.ready_revision) = *transaction.node;
  events_.insert(events_.end(), transaction.events.begin(), transaction.events.end());
  return {};
}

reconciler::Revision Branch::next_revision() {
  char id[41];
  std::snprintf(id, sizeof id, "%040d", ++commits_);
  return reconciler::Revision(id);
}

void Branch::push_unsigned() {
  held_ = {next_revision(), base::make_error(base::Code::kDenied, "is not signed")};
}

void Branch::push(std::vector<crds::Service> services, std::vector<std::string> broken,
                  int approved_removals) {
  reconciler::Snapshot next;
  next.revision = next_revision();
  held_.reset();
  next.approved_removals = approved_removals;
  for (crds::Service& service : services) {
    const std::string path = "services/" + service.name.str() + ".toml";
    const bool bad = std::find(broken.begin(), broken.end(), service.name.str()) != broken.end();
    if (bad) {
      const crds::Diagnostic problem{{path, 1, 1}, "image", "is not an image", ""};
      next.tree.problems.push_back(problem);
      next.tree.broken[service.name] = {problem};
    } else {
      next.tree.services[service.name] = {service, {path, 1, 1}};
    }
  }
  for (const auto& [name, node] : nodes)
    next.tree.nodes[name] = {node, {"nodes/" + name.str() + ".toml", 1, 1}};
  publish(std::move(next));
}

void Branch::vanish() {
  reconciler::Snapshot next;
  next.revision = next_revision();
  held_.reset();
  next.tree.problems.push_back({{"infra/", 1, 1}, "", "has no folder infra/", ""});
  publish(std::move(next));
}

void Branch::publish(reconciler::Snapshot next) {
  if (fleet) next.tree.fleet = fleet;
  const bool emptied = next.tree.services.empty() && next.tree.broken.empty();
  if (emptied && next.approved_removals == 0) emptied_.insert(next.revision);
  Said& said = said_[next.revision];
  for (const auto& [name, service] : next.tree.services) said.services.insert(name);
  for (const auto& [name, problems] : next.tree.broken) said.services.insert(name);
  said.none_is_good = next.tree.services.empty();
  said.approved = static_cast<size_t>(next.approved_removals);
  if (fleet) said.fleet = *fleet;
  head_ = std::move(next);
  follow_data();
}

void Branch::follow_data() {
  for (const auto& [name, service] : head_.tree.services) {
    reconciler::follow_data(data_places_, service.value, nodes);
    const auto known = data_places_.find(name);
    if (known != data_places_.end() && !known->second.node.empty())
      head_.data_nodes[name] = known->second.node;
  }
}

base::Result<std::optional<reconciler::Snapshot>> Source::poll() {
  if (branch_.down || cut_off_)
    return base::unavailable("cannot reach the git server: connection refused");
  held_ = branch_.held();
  if (branch_.head().revision == seen_) return std::optional<reconciler::Snapshot>();
  seen_ = branch_.head().revision;
  return std::optional(branch_.head());
}

base::Result<> Outbox::publish(const std::string& document) {
  if (down) return base::unavailable("cannot push: connection refused");
  published_ = document;
  return {};
}

void Outbox::prepare(const std::string& document, Said said) {
  newest_ = document;
  said_.insert_or_assign(document, std::move(said));
}

const Outbox::Said* Outbox::published() const {
  const auto found = said_.find(published_);
  return found == said_.end() ? nullptr : &found->second;
}

bool Outbox::true_now() const {
  const Said* said = published();
  return said != nullptr && said->outcome == said_.at(newest_).outcome;
}

bool answers(const reconciler::ObservedContainer& container) {
  return container.state == ContainerState::kRunning &&
         container.image.find("mute") == std::string::npos;
}

base::Result<> Prober::probe(const reconciler::Probe& probe) {
  const auto found = runtime_.containers().find(probe.container);
  if (found == runtime_.containers().end() || !answers(found->second))
    return base::make_error(base::Code::kTimeout, "no answer");
  return {};
}

}  // namespace sim
