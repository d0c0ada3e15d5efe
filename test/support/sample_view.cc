#include "test/support/sample_view.h"

#include "reconciler/conditions.h"
#include "reconciler/leases.h"
#include "reconciler/reconcile.h"
#include "reconciler/resolve.h"
#include "reconciler/steps.h"

namespace test {
namespace {

using namespace reconciler;
using agent::View;

TimePoint at(std::string_view text) {
  return *base::parse_rfc3339(text);
}

crds::Service service(const std::string& name, std::vector<crds::Component> components) {
  crds::Service out;
  out.name = ServiceName(name);
  out.node = NodeName("rift");
  out.components = std::move(components);
  return out;
}

crds::Component component(const std::string& name, const std::string& image) {
  crds::Component out;
  out.name = ComponentName(name);
  out.image = image;
  return out;
}

std::vector<crds::Service> services() {
  crds::Component api = component("api", "registry.example.net/web-api:v2");
  api.health = crds::Health{.check = crds::HttpCheck{"/healthz"}};
  api.routes = {{.name = "rest", .port = 8443, .mode = crds::Route::Mode::kL7}};
  crds::Component worker = component("worker", "registry.example.net/web-worker:v2");
  worker.depends_on = {ComponentName("api")};
  crds::Component database = component("database", "docker.io/library/postgres:16.2");
  database.ports = {
      {.host_ip = "127.0.0.1", .host_port = 5432, .container_port = 5432, .protocol = "tcp"}};
  crds::Service blog = service("blog", {component("blog", "registry.example.net/blog:v7")});
  blog.active = false;
  return {service("web", {api, worker}), service("database", {database}),
          service("mail", {component("mail", "registry.example.net/mail:v3")}),
          service("shop", {component("shop", "registry.example.net/shop")}), blog};
}

Snapshot snapshot() {
  Snapshot out;
  out.revision = Revision("4f2b8c1d9e3a5b7c6d8e0f1a2b3c4d5e6f708192");
  crds::Fleet fleet;
  fleet.domain = "svc.example.net";
  out.tree.fleet = fleet;
  for (const crds::Service& one : services())
    out.tree.services[one.name] = {one, {"services/" + one.name.str() + ".toml", 1, 8}};
  out.tree.broken[ServiceName("broken")] = {{{"services/broken.toml", 4, 1},
                                             "components[0].imag",
                                             "unknown field",
                                             "did you mean 'image'?"}};
  return out;
}

// A container of the component as it is defined now.
ObservedContainer container(View& view, const std::string& service, const std::string& component,
                            char id) {
  const ComponentKey key{ServiceName(service), ComponentName(component)};
  const ComponentDesired& desired =
      view.desired.services.at(key.service).components.at(key.component);
  ObservedContainer out;
  out.id = ContainerId(std::string(64, id));
  out.name = container_name(key, Slot::kFirst);
  out.state = ContainerState::kRunning;
  Owner owner{key, view.desired.node, desired.spec_hash, view.desired.revision, Slot::kFirst, {}};
  uint16_t port = 23456;
  for (const crds::Route& route : desired.spec.routes) owner.leases[route.name] = port++;
  out.image = desired.spec.image;
  out.ports = published_ports(desired.spec, owner.leases);
  out.owner = owner;
  out.started_at = at("2026-11-22T08:30:00Z");
  out.pid = 4242;
  return out;
}

void observe(View& view) {
  std::vector<ObservedContainer> all = {
      container(view, "web", "api", 'a'), container(view, "web", "worker", 'b'),
      container(view, "database", "database", 'c'), container(view, "shop", "shop", 'd')};
  ObservedContainer& worker = all[1];
  worker.state = ContainerState::kExited;
  worker.exit_code = 137;
  worker.pid = 0;
  worker.started_at = at("2026-11-22T09:59:50Z");
  worker.exited_at = at("2026-11-22T09:59:59Z");
  all[2].image = "docker.io/library/postgres:15.6";
  ObservedContainer old = all[3];
  old.id = ContainerId(std::string(64, 'e'));
  old.owner->key = {ServiceName("old"), ComponentName("old")};
  old.name = "old.old";
  old.image = "registry.example.net:5000/old@sha256:0f1e2d";
  all.push_back(old);
  ObservedContainer foreign;
  foreign.id = ContainerId(std::string(64, 'f'));
  foreign.name = "somebody-elses";
  foreign.state = ContainerState::kRunning;
  all.push_back(foreign);
  for (ObservedContainer& one : all) view.observed.containers[one.id] = std::move(one);
  view.observed.readiness[ContainerId(std::string(64, 'a'))] = {.ready = true};
}

void remember(View& view) {
  const ComponentKey worker{ServiceName("web"), ComponentName("worker")};
  view.memory.components[worker].wanted_hash =
      view.desired.services.at(worker.service).components.at(worker.component).spec_hash;
  view.memory.components[worker].heals = {at("2026-11-22T09:59:30Z"), at("2026-11-22T09:59:50Z")};
  view.memory.components[worker].restarts = 2;
  const ComponentKey mail{ServiceName("mail"), ComponentName("mail")};
  view.memory.components[mail].wanted_hash =
      view.desired.services.at(mail.service).components.at(mail.component).spec_hash;
  view.memory.components[mail].image_missing = true;
  view.memory.ready_revision = Revision(std::string(40, '7'));
  view.memory = reconcile(view.desired, view.observed, view.memory, view.at).next;
}

}  // namespace

agent::View sample_view() {
  agent::View view;
  view.at = at(kSampleTime);
  view.source = {.url = "https://git.example.net/desired.git",
                 .branch = "main",
                 .last_fetch = at("2026-11-22T09:59:45Z"),
                 .last_error = std::nullopt,
                 .syncs_done = 3};
  view.desired = resolve(snapshot(), NodeName("rift"), nullptr, false);
  view.desired.services.at(ServiceName("shop")).hold = {
      reason::kInvalidDefinition,
      "services/shop.toml:2:11: version: found the number 2, wanted a "
      "string"};
  observe(view);
  const ComponentKey mail{ServiceName("mail"), ComponentName("mail")};
  const auto& wanted = view.desired.services.at(mail.service);
  view.running = {pull_step(mail, wanted.revision, "registry.example.net/mail:v3",
                            wanted.components.at(mail.component).cause)};
  view.observed.in_flight = {mail};
  remember(view);
  return view;
}

agent::View sample_view(const std::set<std::string>& services) {
  agent::View view = sample_view();
  const auto others = [&](const auto& entry) { return !services.contains(entry.first.str()); };
  std::erase_if(view.desired.services, others);
  std::erase_if(view.desired.unusable, others);
  std::erase_if(view.observed.containers, [&](const auto& entry) {
    return entry.second.owner && !services.contains(entry.second.owner->key.service.str());
  });
  std::erase_if(view.running,
                [&](const Step& step) { return !services.contains(step.key.service.str()); });
  std::erase_if(view.memory.components,
                [&](const auto& entry) { return !services.contains(entry.first.service.str()); });
  view.memory = reconcile(view.desired, view.observed, view.memory, view.at).next;
  return view;
}

}  // namespace test
