#include "samples.h"

// Every struct is filled through a structured binding, which names all of its members: when one is
// added, this file does not compile until it has a value here, and then the round trip fails until
// agent/store/fields.h stores it.
namespace agent::samples {
namespace {

using namespace reconciler;
using base::Millis;

TimePoint at(int64_t seconds) {
  return TimePoint(std::chrono::seconds(seconds));
}

crds::PortMapping port_mapping() {
  crds::PortMapping value;
  auto& [host_ip, host_port, container_port, protocol] = value;
  host_ip = "127.0.0.1";
  host_port = 8443;
  container_port = 443;
  protocol = "udp";
  return value;
}

crds::Volume volume() {
  crds::Volume value;
  auto& [source, target, options] = value;
  source = "/srv/web";
  target = "/data";
  options = {"ro", "z"};
  return value;
}

crds::Device device() {
  crds::Device value;
  auto& [source, target, permissions] = value;
  source = "/dev/dri";
  target = "/dev/gpu";
  permissions = "rw";
  return value;
}

crds::Restart restart() {
  crds::Restart value;
  auto& [policy, max_retries] = value;
  policy = crds::Restart::Policy::kOnFailure;
  max_retries = 5;
  return value;
}

crds::Health health(decltype(crds::Health::check) how) {
  crds::Health value;
  auto& [check, port, interval, timeout, retries, start_period] = value;
  check = std::move(how);
  port = "rest";
  interval = Millis(2500);
  timeout = Millis(750);
  retries = 7;
  start_period = Millis(90'000);
  return value;
}

crds::Route route() {
  crds::Route value;
  auto& [name, port, mode, hostname, target_port, backend_tls, backend_protocol, edge] = value;
  name = "rest";
  port = 8443;
  mode = crds::Route::Mode::kL7;
  hostname = "api.example.net";
  target_port = 8080;
  backend_tls = false;
  backend_protocol = crds::Route::Protocol::kH2c;
  edge = "svc";
  return value;
}

crds::Secret secret() {
  crds::Secret value;
  auto& [name, target] = value;
  name = "db-password";
  target = "env:DB_PASSWORD";
  return value;
}

crds::Component component() {
  crds::Component value;
  auto& [name, image, network, user, restart_policy, ports, volumes, cmd, env, secrets,
         memory_bytes, cpus, privileged, cap_add, cap_drop, devices, stop_timeout, depends_on,
         strategy, health_check, routes, rollout] = value;
  name = ComponentName("api");
  image = "registry.example.net/web:v1";
  network = "mcpnet";
  user = "0:0";
  restart_policy = restart();
  ports = {port_mapping()};
  volumes = {volume()};
  cmd = {"server", "--verbose"};
  env = {{"LOG_LEVEL", "debug"}, {"EMPTY", ""}};
  secrets = {secret()};
  memory_bytes = uint64_t(1) << 40;
  cpus = 0.1;
  privileged = true;
  cap_add = {"NET_ADMIN"};
  cap_drop = {"ALL"};
  devices = {device()};
  stop_timeout = Millis(12'345);
  depends_on = {ComponentName("db")};
  strategy = crds::Strategy::kRecreate;
  health_check = health(crds::CmdCheck{{"pg_isready", "-q"}});
  routes = {route()};
  rollout = {Millis(1), Millis(2), Millis(3)};
  return value;
}

// The three kinds of check need three components.
std::vector<crds::Component> components() {
  crds::Component http = component(), tcp = component(), bare;
  http.name = ComponentName("http");
  http.health = health(crds::HttpCheck{"/healthz"});
  tcp.name = ComponentName("tcp");
  tcp.health = health(crds::TcpCheck{});
  bare.name = ComponentName("bare");
  return {component(), http, tcp, bare};
}

crds::Suspend suspended() {
  crds::Suspend value;
  auto& [until, reason] = value;
  until = at(1'763'900'000);
  reason = "moving the database";
  return value;
}

crds::Service service() {
  crds::Service value;
  auto& [name, labels, annotations, node, placement, active, version, depends_on, restarted_at,
         suspend, heal_drift, path, build_images, parts] = value;
  suspend = suspended();
  heal_drift = false;
  name = ServiceName("web");
  labels = {{"tier", "front"}};
  annotations = {{"note", "na\xC3\xAFve \"quoted\"\n"}};
  node = NodeName("rift");
  placement = {{"zone", "home"}};
  active = false;
  version = "v1.0.0";
  depends_on = {ServiceName("database")};
  restarted_at = at(1'763'800'000) + Millis(250);
  path = "myservice";
  build_images = {{"web", "Dockerfile"}};
  parts = components();
  return value;
}

crds::Node node() {
  crds::Node value;
  auto& [name, address, agent, labels, schedulable, cpus, memory_bytes] = value;
  name = NodeName("rift");
  address = "192.0.2.7";
  agent = "ssh://root@rift";
  labels = {{"zone", "home"}};
  schedulable = false;
  cpus = 3.5;
  memory_bytes = 1 << 30;
  return value;
}

crds::Fleet fleet() {
  crds::Fleet value;
  auto& [name, registry, domain, prune_max, prune_percent, network, user, restart_policy,
         stop_timeout, heal_drift] = value;
  heal_drift = true;
  name = "home";
  registry = "registry.example.net/team";
  domain = "svc.example.net";
  prune_max = 9;
  prune_percent = 11;
  network = "mcpnet";
  user = "1000:1000";
  restart_policy = restart();
  stop_timeout = Millis(1500);
  return value;
}

ComponentDesired component_desired(const crds::Component& from) {
  ComponentDesired value;
  auto& [spec, spec_hash, wish, rolls, cause] = value;
  wish = "b7a875fc1ea2";
  spec = from;
  spec_hash = "5e884898da28";
  rolls = true;
  cause = "image: web:v0 -> web:v1 (commit 1a2b3c4)";
  return value;
}

ServiceDesired service_desired() {
  ServiceDesired value;
  auto& [definition, revision, path, parts, hold, goes_to, data_on] = value;
  goes_to = NodeName("svc");
  data_on = NodeName("old");
  definition = service();
  revision = Revision(std::string(40, 'a'));
  path = "services/web.toml";
  for (const auto& part : definition.components) parts[part.name] = component_desired(part);
  ServiceDesired::Hold held;
  auto& [reason, message] = held;
  reason = "InvalidDefinition";
  message = "services/web.toml:1:1: unknown field";
  hold = held;
  return value;
}

BackOff back_off(int attempts_so_far) {
  BackOff value;
  auto& [attempts, next_at] = value;
  attempts = attempts_so_far;
  next_at = at(1'763'800'100);
  return value;
}

base::Error error() {
  base::Error value;
  auto& [code, retry, message, hint] = value;
  code = base::Code::kUnauthenticated;
  retry = base::Retry::kAfterChange;
  message = "cannot pull web:v1: unauthorized";
  hint = "podman login";
  return value;
}

ComponentMemory component_memory() {
  ComponentMemory value;
  auto& [leases, last_stop_timeout, wanted_hash, image_missing, image_pulled, refused_ports,
         step_back_off, failure, rollout_failed, rollout_over, rollout_error, rollout_wish,
         rollout_back_off, healthy_hash, heals, last_exit, restarts, heal_pending, resume, trial,
         baseline, held_since, rollout, handover, adopted, settled, drift] = value;
  Adoption adoption;
  auto& [container, on_node, accepted_hash, image, ports, slot, accepted_at, defined_in] = adoption;
  container = ContainerId("def");
  on_node = NodeName("rift");
  accepted_hash = "dd";
  image = "localhost/web:v1";
  ports = {port_mapping()};
  slot = Slot::kSecond;
  accepted_at = at(12);
  defined_in = Revision(std::string(40, 'e'));
  adopted = adoption;
  HandoverMemory moving;
  auto& [begun, ready_there, witnessed] = moving;
  begun = at(1'763'800'110);
  ready_there = at(1'763'800'120);
  witnessed = true;
  handover = moving;
  leases = {{{Slot::kFirst, ""}, 10'000}, {{Slot::kSecond, "rest"}, 60'000}};
  last_stop_timeout = Millis(60'000);
  wanted_hash = "aa";
  image_missing = true;
  image_pulled = true;
  refused_ports = {10'001, 10'002};
  step_back_off = back_off(3);
  Failure failed;
  auto& [step, why] = failed;
  step = StepKind::kRemove;
  why = error();
  failure = failed;
  rollout_failed = true;
  rollout_over = true;
  rollout_error = "3 health checks failed";
  rollout_wish = "cc";
  rollout_back_off = back_off(4);
  healthy_hash = "bb";
  heals = {at(1), at(2)};
  restarts = 6;
  heal_pending = true;
  resume = true;
  trial = Trial{ContainerId("abc"), at(3), true, {{"web.test:443", {10, 2, 1}}}, 0.25, true};
  rollout = reconciler::Rollout{Revision(std::string(40, 'b')),
                                true,
                                at(4),
                                at(5),
                                at(6),
                                at(7),
                                at(8),
                                at(9),
                                true,
                                {{"web.test:443", {11, 3, 2}}},
                                {12, 4, 3},
                                "2 of 3 requests failed"};
  baseline = {{"web.test:443", {5, 1, 0}}};
  last_exit = Exit{137, at(11), {"panic: \xC3\xA4"}};
  held_since = at(10);
  settled = Settled{ContainerId("abc"), "dd", "ee", true, true};
  drift = {{"image", "app:v1", "app:v2"}};
  return value;
}

Condition condition(std::string kind) {
  Condition value;
  auto& [type, status, reason, message, since] = value;
  type = std::move(kind);
  status = Status::kFalse;
  reason = "RolloutFailed";
  message = "web/api: the new container did not become ready";
  since = at(1'763'800'200);
  return value;
}

ServiceMemory service_memory() {
  ServiceMemory value;
  auto& [conditions, ready_revision, suspension] = value;
  suspension = suspended();
  conditions = {condition("Ready"), condition("Stalled")};
  ready_revision = Revision(std::string(40, 'b'));
  return value;
}

Event event(std::string why) {
  Event value;
  auto& [id, time, warning, service_name, component_name, reason, message, cause, revision, step] =
      value;
  step = "";  // not stored
  id = 0;
  time = at(1'763'800'300) + Millis(5);
  warning = true;
  service_name = ServiceName("web");
  component_name = ComponentName("api");
  reason = std::move(why);
  message = "created web.api";
  cause = "image: web:v0 -> web:v1";
  revision = Revision(std::string(40, 'c'));
  return value;
}

RolloutRecord rollout() {
  RolloutRecord value;
  auto& [service_name, revision, time, ready, message] = value;
  service_name = ServiceName("web");
  revision = Revision(std::string(40, 'd'));
  time = at(1'763'800'400);
  ready = true;
  message = "Ready";
  return value;
}

}  // namespace

Desired desired() {
  Desired value;
  auto& [node_name, revision, services, unusable, refused, fleet_wide, nodes, heal_drift,
         approved_removals, doubtful, elsewhere, edges, handovers, problems] = value;
  heal_drift = false;
  approved_removals = 4;
  doubtful = true;
  elsewhere = {ServiceName("moved")};
  node_name = NodeName("rift");
  revision = Revision(std::string(40, 'e'));
  services[ServiceName("web")] = service_desired();
  services[ServiceName("plain")].definition.name = ServiceName("plain");
  unusable = {{ServiceName("broken"), "services/broken.toml:2:1: no image"}};
  refused = {ServiceName("broken")};
  fleet_wide = fleet();
  nodes = {{NodeName("rift"), node()}};
  Desired::Edge edge;
  edge.key = {crds::ServiceName("api"), crds::ComponentName("edge:api.test:443")};
  edge.revision = Revision(std::string(40, 'c'));
  edge.spec = {
      {443, "api.test"}, "192.0.2.7:443", crds::Route::Mode::kL7, crds::Route::Protocol::kH2c, true,
      "api.pem",         Millis(2000)};
  edge.node = NodeName("svc");
  edge.former = "192.0.2.8:443";
  edges = {edge};
  PeerName peer_name;
  auto& [key, mode, proxy_protocol] = peer_name;
  key = {443, "api.test"};
  mode = crds::Route::Mode::kL7;
  proxy_protocol = true;
  Handover handover;
  auto& [to, address, names, followed] = handover;
  to = NodeName("svc");
  address = "192.0.2.7";
  names = {peer_name};
  followed = true;
  handovers = {{ServiceName("api"), handover}};
  problems = {"nodes/other.toml:1:1: no address"};
  return value;
}

Memory memory() {
  Memory value;
  auto& [components, services, conditions, ready_revision] = value;
  components[{ServiceName("web"), ComponentName("api")}] = component_memory();
  components[{ServiceName("web"), ComponentName("bare")}] = {};
  services[ServiceName("web")] = service_memory();
  conditions = {condition("Ready")};
  ready_revision = Revision(std::string(40, 'f'));
  return value;
}

Transaction everything() {
  const Memory known = memory();
  Transaction value;
  auto& [all, components, forgotten_components, services, forgotten_services, node_state, events,
         rollouts] = value;
  all = desired();
  components = known.components;
  forgotten_components = {{ServiceName("gone"), ComponentName("gone")}};
  services = known.services;
  forgotten_services = {ServiceName("gone")};
  node_state = {known.conditions, known.ready_revision};
  events = {event("Created"), event("Started")};
  rollouts = {rollout()};
  return value;
}

}  // namespace agent::samples
