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

// mc-proxy has the route of web/api, and one of somebody else.
ObservedProxy proxy(const View& view) {
  ObservedProxy out;
  out.asked_at = view.at;
  ObservedRoute api;
  api.spec = {.key = {8443, "web.svc.example.net"},
              .backend = "127.0.0.1:23456",
              .mode = crds::Route::Mode::kL7,
              .certificate = "web.pem"};
  api.owner = owner_of_routes(view.desired.node);
  api.listener = ":8443";
  api.served = true;
  api.health = "up";
  api.problem = "the certificate expires in 9d";
  api.certificate_until = at("2026-12-01T12:00:00Z");
  api.open = 3;
  api.traffic = {1204, 1, 3};
  ObservedRoute other;
  other.spec = {.key = {443, "git.example.net"},
                .backend = "192.0.2.7:443",
                .protocol = crds::Route::Protocol::kTls};
  other.owner = "ops";
  other.listener = ":443";
  other.served = true;
  other.health = "down";
  for (const ObservedRoute& one : {api, other}) out.routes[one.spec.key] = one;
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
  view.observed.proxy = proxy(view);
}

// That web/api came to be what it is.
Rollout receipt(const View& view) {
  Rollout out;
  out.revision = view.desired.revision;
  out.replaces = true;
  out.begun = at("2026-11-22T08:29:59.700Z");
  out.started = at("2026-11-22T08:30:00Z");
  out.ready = at("2026-11-22T08:30:00.800Z");
  out.switched = at("2026-11-22T08:30:00.805Z");
  out.drained = at("2026-11-22T08:30:01Z");
  out.finished = at("2026-11-22T08:30:03.100Z");
  out.seen = {1234, 0, 3};
  return out;
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
  // It was defined once, or its removal would be held.
  view.memory.components[{ServiceName("old"), ComponentName("old")}] = {};
  view.memory.ready_revision = Revision(std::string(40, '7'));
  const ComponentKey api{ServiceName("web"), ComponentName("api")};
  const auto& wanted = view.desired.services.at(api.service).components.at(api.component);
  view.memory.components[api].wanted_hash = wanted.spec_hash;
  view.memory.components[api].rollout = receipt(view);
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
  view.desired.services.at(ServiceName("web")).components.at(ComponentName("api")).cause =
      "image: registry.example.net/web-api:v1 -> registry.example.net/web-api:v2 (commit 4f2b8c1, "
      "services/web.toml)";
  observe(view);
  const ComponentKey mail{ServiceName("mail"), ComponentName("mail")};
  const auto& wanted = view.desired.services.at(mail.service);
  view.running = {pull_step(mail, wanted.revision, "registry.example.net/mail:v3",
                            wanted.components.at(mail.component).cause)};
  view.observed.in_flight = {mail};
  remember(view);
  view.alerts.firing = {{.name = "ServiceStalled",
                         .service = ServiceName("broken"),
                         .severity = agent::Severity::kCritical,
                         .reason = reason::kInvalidDefinition,
                         .summary = "broken on rift waits for another definition "
                                    "(InvalidDefinition)",
                         .description = "InvalidDefinition: services/broken.toml:4:1 (mcp why "
                                        "broken)",
                         .since = at(kSampleTime)}};
  view.alerts.receivers = {{.name = "ops",
                            .type = "webhook",
                            .delivered = 7,
                            .delivered_at = at("2026-11-22T09:58:00Z")}};
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
