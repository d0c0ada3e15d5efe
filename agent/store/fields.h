#pragma once

#include "agent/alerts/ledger.h"
#include "reconciler/model.h"

// The fields of every stored type, each named once for both directions: `archive(key, member)`
// writes the member or reads it. A key must never change its meaning: registries hold it.
namespace agent {

template <class Archive>
void fields(Archive& archive, base::Error& v) {
  archive("code", v.code)("retry", v.retry)("message", v.message)("hint", v.hint);
}

// ---------------------------------------------------------------- crds

template <class Archive>
void fields(Archive& archive, crds::PortMapping& v) {
  archive("hostIp", v.host_ip)("hostPort", v.host_port)("containerPort", v.container_port)(
      "protocol", v.protocol);
}

template <class Archive>
void fields(Archive& archive, crds::Volume& v) {
  archive("source", v.source)("target", v.target)("options", v.options);
}

template <class Archive>
void fields(Archive& archive, crds::Restart& v) {
  archive("policy", v.policy)("maxRetries", v.max_retries);
}

template <class Archive>
void fields(Archive& archive, crds::HttpCheck& v) {
  archive("path", v.path);
}

template <class Archive>
void fields(Archive&, crds::TcpCheck&) {}

template <class Archive>
void fields(Archive& archive, crds::CmdCheck& v) {
  archive("argv", v.argv);
}

template <class Archive>
void fields(Archive& archive, crds::Health& v) {
  archive("check", v.check)("port", v.port)("interval", v.interval)("timeout", v.timeout)(
      "retries", v.retries)("startPeriod", v.start_period);
}

template <class Archive>
void fields(Archive& archive, crds::Route& v) {
  archive("name", v.name)("port", v.port)("mode", v.mode)("hostname", v.hostname)(
      "targetPort", v.target_port)("backendTls", v.backend_tls);
  archive("edge", v.edge)("backendProtocol", v.backend_protocol);
}

template <class Archive>
void fields(Archive& archive, crds::Secret& v) {
  archive("name", v.name)("target", v.target);
}

template <class Archive>
void fields(Archive& archive, crds::RolloutSettings& v) {
  archive("watch", v.watch)("drain", v.drain)("hold", v.hold);
}

template <class Archive>
void fields(Archive& archive, crds::Device& v) {
  archive("source", v.source)("target", v.target)("permissions", v.permissions);
}

template <class Archive>
void fields(Archive& archive, crds::Component& v) {
  archive("name", v.name)("image", v.image)("network", v.network)("user", v.user);
  archive("restart", v.restart)("ports", v.ports)("volumes", v.volumes)("cmd", v.cmd);
  archive("env", v.env)("secrets", v.secrets)("memoryBytes", v.memory_bytes)("cpus", v.cpus);
  archive("stopTimeout", v.stop_timeout)("dependsOn", v.depends_on)("strategy", v.strategy);
  archive("health", v.health)("routes", v.routes)("rollout", v.rollout);
  archive("privileged", v.privileged)("capAdd", v.cap_add)("capDrop", v.cap_drop);
  archive("devices", v.devices);
}

template <class Archive>
void fields(Archive& archive, crds::Suspend& v) {
  archive("until", v.until)("reason", v.reason);
}

template <class Archive>
void fields(Archive& archive, crds::Service& v) {
  archive("name", v.name)("labels", v.labels)("annotations", v.annotations)("node", v.node);
  archive("placement", v.placement)("active", v.active)("version", v.version);
  archive("dependsOn", v.depends_on)("restartedAt", v.restarted_at)("path", v.path);
  archive("buildImages", v.build_images)("components", v.components)("suspend", v.suspend);
  archive("healDrift", v.heal_drift);
}

template <class Archive>
void fields(Archive& archive, crds::Node& v) {
  archive("name", v.name)("address", v.address)("agent", v.agent)("labels", v.labels);
  archive("schedulable", v.schedulable)("cpus", v.cpus)("memoryBytes", v.memory_bytes);
}

template <class Archive>
void fields(Archive& archive, crds::Fleet& v) {
  archive("name", v.name)("registry", v.registry)("domain", v.domain)("pruneMax", v.prune_max);
  archive("prunePercent", v.prune_percent)("network", v.network)("user", v.user);
  archive("restart", v.restart)("stopTimeout", v.stop_timeout)("healDrift", v.heal_drift);
}

// ---------------------------------------------------------------- desired

template <class Archive>
void fields(Archive& archive, reconciler::ComponentDesired& v) {
  archive("spec", v.spec)("specHash", v.spec_hash)("wish", v.wish)("rolls", v.rolls);
  archive("cause", v.cause);
}

template <class Archive>
void fields(Archive& archive, reconciler::ServiceDesired::Hold& v) {
  archive("reason", v.reason)("message", v.message);
}

template <class Archive>
void fields(Archive& archive, reconciler::ServiceDesired& v) {
  archive("definition", v.definition)("revision", v.revision)("path", v.path);
  archive("components", v.components)("hold", v.hold);
  archive("goesTo", v.goes_to)("dataOn", v.data_on);
}

template <class Archive>
void fields(Archive& archive, reconciler::ComponentKey& v) {
  archive("service", v.service)("component", v.component);
}

template <class Archive>
void fields(Archive& archive, reconciler::RouteKey& v) {
  archive("port", v.port)("hostname", v.hostname);
}

template <class Archive>
void fields(Archive& archive, reconciler::RouteSpec& v) {
  archive("key", v.key)("backend", v.backend)("mode", v.mode);
  // An earlier release has the first of the two alone.
  using Protocol = crds::Route::Protocol;
  bool backend_tls = v.protocol == Protocol::kTls;
  archive("backendTls", backend_tls);
  if (backend_tls && v.protocol != Protocol::kTls) v.protocol = Protocol::kTls;
  archive("backendProtocol", v.protocol);
  archive("sendProxyProtocol", v.send_proxy_protocol)("certificate", v.certificate);
  archive("hold", v.hold);
}

template <class Archive>
void fields(Archive& archive, reconciler::Desired::Edge& v) {
  archive("key", v.key)("revision", v.revision)("spec", v.spec);
  archive("node", v.node)("former", v.former);
}

template <class Archive>
void fields(Archive& archive, reconciler::PeerName& v) {
  archive("key", v.key)("mode", v.mode)("proxyProtocol", v.proxy_protocol);
}

template <class Archive>
void fields(Archive& archive, reconciler::Handover& v) {
  archive("to", v.to)("address", v.address)("names", v.names)("followed", v.followed);
}

// Without its services, which are rows of their own.
template <class Archive>
void fields(Archive& archive, reconciler::Desired& v) {
  archive("node", v.node)("revision", v.revision)("unusable", v.unusable)("fleet", v.fleet);
  archive("nodes", v.nodes)("problems", v.problems)("edges", v.edges)("refused", v.refused);
  archive("handovers", v.handovers)("healDrift", v.heal_drift);
  archive("approvedRemovals", v.approved_removals)("doubtful", v.doubtful);
  archive("elsewhere", v.elsewhere);
}

// ---------------------------------------------------------------- memory

template <class Archive>
void fields(Archive& archive, reconciler::BackOff& v) {
  archive("attempts", v.attempts)("nextAt", v.next_at);
}

template <class Archive>
void fields(Archive& archive, reconciler::Failure& v) {
  archive("step", v.step)("error", v.error);
}

template <class Archive>
void fields(Archive& archive, reconciler::Traffic& v) {
  archive("requests", v.requests)("failed", v.failed)("held", v.held);
}

template <class Archive>
void fields(Archive& archive, reconciler::Trial& v) {
  archive("container", v.container)("since", v.since)("counted", v.counted)("before", v.before);
  archive("failureRate", v.failure_rate)("passed", v.passed);
}

template <class Archive>
void fields(Archive& archive, reconciler::Exit& v) {
  archive("code", v.code)("at", v.at)("lines", v.lines);
}

template <class Archive>
void fields(Archive& archive, reconciler::Rollout& v) {
  archive("revision", v.revision)("replaces", v.replaces)("begun", v.begun);
  archive("started", v.started)("ready", v.ready)("switched", v.switched)("drained", v.drained);
  archive("finished", v.finished)("counted", v.counted)("before", v.before)("seen", v.seen)(
      "error", v.error);
}

template <class Archive>
void fields(Archive& archive, reconciler::HandoverMemory& v) {
  archive("since", v.since)("ready", v.ready)("witnessed", v.witnessed);
}

template <class Archive>
void fields(Archive& archive, reconciler::Adoption& v) {
  archive("container", v.container)("node", v.node)("specHash", v.spec_hash)("image", v.image);
  archive("ports", v.ports)("slot", v.slot)("since", v.since)("revision", v.revision);
}

template <class Archive>
void fields(Archive& archive, reconciler::FieldChange& v) {
  archive("field", v.field)("from", v.from)("to", v.to);
}

template <class Archive>
void fields(Archive& archive, reconciler::Settled& v) {
  archive("container", v.container)("specHash", v.spec_hash)("wish", v.wish);
  archive("stopped", v.stopped)("left", v.left);
}

template <class Archive>
void fields(Archive& archive, reconciler::ComponentMemory& v) {
  archive("stopTimeout", v.stop_timeout);
  archive("leases", v.leases)("wantedHash", v.wanted_hash)("imageMissing", v.image_missing);
  archive("imagePulled", v.image_pulled)("refusedPorts", v.refused_ports);
  archive("stepBackOff", v.step_back_off)("failure", v.failure);
  archive("rolloutFailed", v.rollout_failed)("rolloutError", v.rollout_error);
  archive("rolloutOver", v.rollout_over);
  archive("rolloutBackOff", v.rollout_back_off)("healthyHash", v.healthy_hash);
  archive("heals", v.heals)("restarts", v.restarts)("healPending", v.heal_pending);
  archive("resume", v.resume)("rolloutWish", v.rollout_wish);
  archive("trial", v.trial)("rollout", v.rollout)("heldSince", v.held_since);
  archive("baseline", v.baseline)("lastExit", v.last_exit)("handover", v.handover);
  archive("adopted", v.adopted)("settled", v.settled)("drift", v.drift);
}

template <class Archive>
void fields(Archive& archive, reconciler::Condition& v) {
  archive("type", v.type)("status", v.status)("reason", v.reason)("message", v.message);
  archive("since", v.since);
}

template <class Archive>
void fields(Archive& archive, reconciler::ServiceMemory& v) {
  archive("conditions", v.conditions)("readyRevision", v.ready_revision)("suspended", v.suspended);
}

// ---------------------------------------------------------------- alerts

template <class Archive>
void fields(Archive& archive, Alert& v) {
  archive("name", v.name)("service", v.service)("component", v.component)("subject", v.subject);
  archive("severity", v.severity)("reason", v.reason)("summary", v.summary);
  archive("description", v.description)("since", v.since)("until", v.until);
}

template <class Archive>
void fields(Archive& archive, Said& v) {
  archive("since", v.since)("ended", v.ended)("severity", v.severity)("at", v.at);
}

template <class Archive>
void fields(Archive& archive, AlertRecord& v) {
  archive("alert", v.alert)("said", v.said);
}

}  // namespace agent
