#include "agent/daemon/alerting.h"

#include <chrono>
#include <future>
#include <iostream>

#include "agent/alerts/kinds.h"
#include "agent/daemon/driver.h"
#include "agent/runtime/podman.h"
#include "base/log/log.h"

namespace agent {
namespace {

base::TimePoint wall_clock() {
  return std::chrono::floor<base::Millis>(std::chrono::system_clock::now());
}

Sender sender_of(const Config& config, const std::string& version) {
  return {config.node.name, version, config.alerts.manual};
}

Message message_of(const Sender& sender, const Alert& alert, base::TimePoint now) {
  return {message_id(sender.node, {alert}, now),
          sender.node,
          sender.agent_version,
          sender.manual,
          now,
          {alert},
          alert.firing() ? size_t{1} : 0};
}

bool forgets(const ReceiverOptions& receiver) {
  return receiver.type == ReceiverOptions::Type::kAlertmanager;
}

}  // namespace

Alerting::Alerting(const Config& config, const std::string& version, AlertStore& store,
                   Driver& driver, Podman& podman)
    : config_(config),
      sender_(sender_of(config, version)),
      driver_(driver),
      note_(config.state_dir() + "/agent-stuck"),
      pulse_(make_pulse(config.alerts.heartbeat)),
      facts_(
          {{config.state_dir(), "the registry"}, {config.data.root, "the services' data"}},
          [&podman] { return podman.graph_root(); },
          config.api.listen.empty() ? "" : config.api.tls_cert),
      store_(store, config.state_dir() + "/alerts-told") {
  std::vector<Alerter::Told> told;
  for (const ReceiverOptions& options : config.alerts.receivers) {
    receivers_.push_back(make_receiver(options));
    told.push_back({courier_options(config.alerts, options), *receivers_.back()});
  }
  AlerterOptions options{
      .sender = sender_,
      .causes = config.alerts.causes,
      .ledger = {config.alerts.pending, config.alerts.disabled, config.alerts.keep},
      .pulse_interval = config.alerts.heartbeat.interval};
  alerter_ = std::make_unique<Alerter>(AlerterPorts{store_, driver, &facts_, pulse_.get()},
                                       std::move(options), told);
}

void Alerting::load() {
  if (const auto loaded = alerter_->load(); !loaded)
    base::log::warning("what was told of alerts before is lost: " + loaded.error().text());
  if (const auto words = LoopWatch::last_words(note_, sender_.node.str())) {
    alerter_->begun_elsewhere(words->first, words->second, wall_clock());
    LoopWatch::forget(note_);
  }
}

std::unique_ptr<LoopWatch> Alerting::watch() {
  LoopWatch::Options options;
  options.node = sender_.node.str();
  options.stuck_after = config_.alerts.stuck_after;
  options.note = note_;
  options.steps = [this] { return driver_.steps(); };
  options.tell = [this](const Alert& alert, const LoopWatch::Told& but) {
    return tell(alert, but);
  };
  options.hand_over = [this](const Alert& alert, const LoopWatch::Told& told) {
    driver_.post([this, alert, told](Loop&) {
      alerter_->begun_elsewhere(alert, told, wall_clock());
      LoopWatch::forget(note_);
    });
  };
  return std::make_unique<LoopWatch>(std::move(options));
}

// Each on a thread of its own: one that does not answer delays no other.
LoopWatch::Told Alerting::tell(const Alert& alert, const LoopWatch::Told& but) const {
  LoopWatch::Told told = but;
  if (config_.alerts.disabled.contains(alert.name)) return told;
  const Message message = message_of(sender_, alert, wall_clock());
  std::vector<std::pair<std::string, std::future<base::Result<>>>> answers;
  for (size_t i = 0; i < receivers_.size(); ++i) {
    const ReceiverOptions& options = config_.alerts.receivers[i];
    if (but.contains(options.name) && !forgets(options)) continue;
    answers.emplace_back(options.name,
                         std::async(std::launch::async, [&receiver = *receivers_[i], &message] {
                           return receiver.deliver(message);
                         }));
  }
  for (auto& [name, answer] : answers)
    if (answer.get()) told.insert(name);
  return told;
}

base::Result<bool> test_receivers(const Config& config, const std::string& only,
                                  const std::string& version) {
  const base::TimePoint now = wall_clock();
  Alert alert;
  alert.name = alert::kTest;
  alert.severity = Severity::kInfo;
  alert.summary = config.node.name.str() + ": a test of who is told of alerts";
  alert.description = "mcp-agent alert-test was run; nothing is wrong";
  alert.since = alert.until = now;
  const Message message = message_of(sender_of(config, version), alert, now);
  bool found = false;
  bool good = true;
  const auto line = [&](const std::string& who, const base::Result<>& answer) {
    found = true;
    good &= answer.has_value();
    std::cout << (answer ? "ok       " : "error    ") << who << ": "
              << (answer ? "took it" : answer.error().text()) << "\n";
  };
  for (const ReceiverOptions& options : config.alerts.receivers) {
    if (!only.empty() && only != options.name) continue;
    line(options.name + " (" + std::string(name(options.type)) + ")",
         make_receiver(options)->deliver(message));
  }
  if (config.alerts.heartbeat.wanted() && (only.empty() || only == "heartbeat"))
    line("heartbeat", make_pulse(config.alerts.heartbeat)->beat());
  if (!found)
    return base::not_found(
        only.empty() ? "nobody is told of alerts" : "no receiver is named '" + only + "'",
        "[[alerts.receivers]] of the configuration names them");
  return good;
}

std::vector<CheckProbe> alert_probes(const Config& config) {
  std::vector<CheckProbe> probes;
  for (const ReceiverOptions& options : config.alerts.receivers)
    probes.push_back({"alerts", [options]() -> base::Result<std::string> {
                        auto said = make_receiver(options)->check();
                        if (!said) return said.error().within(options.name);
                        return options.name + ": " + *said;
                      }});
  if (config.alerts.receivers.empty())
    probes.push_back({"alerts", []() -> base::Result<std::string> {
                        return std::string(
                            "nobody is told (name somebody in [[alerts.receivers]])");
                      }});
  else
    probes.push_back({"alerts", [config] { return check_pulse(config.alerts.heartbeat); }});
  return probes;
}

}  // namespace agent
