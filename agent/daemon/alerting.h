#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/daemon/loop_watch.h"
#include "agent/daemon/node_facts.h"
#include "agent/receivers/receivers.h"
#include "agent/store/spare_alerts.h"

namespace agent {

class Driver;
class Podman;

// All of [alerts] in one daemon: receivers, heartbeat, the node's facts, the ledger's alerter.
class Alerting {
 public:
  Alerting(const Config& config, const std::string& version, AlertStore& store, Driver& driver,
           Podman& podman);

  // What was told before. Call once, before the loop runs.
  void load();
  // Once the driver runs the loop, until the object that this gives goes.
  std::unique_ptr<LoopWatch> watch();

  Alerter& alerter() { return *alerter_; }
  // The work that can be under way at once: a thread for each.
  static size_t threads(const Config& config) { return config.alerts.receivers.size() + 2; }

 private:
  LoopWatch::Told tell(const Alert& alert, const LoopWatch::Told& but) const;

  const Config& config_;
  const Sender sender_;
  Driver& driver_;
  const std::string note_;
  std::vector<std::unique_ptr<CheckedReceiver>> receivers_;
  std::unique_ptr<Pulse> pulse_;
  LookAtNode facts_;
  SpareAlerts store_;
  std::unique_ptr<Alerter> alerter_;
};

// `mcp-agent alert-test`: sends one message to each receiver (or the one of that name), and the
// heartbeat, and prints how each answered. False: one did not take it. kNotFound: no such receiver.
base::Result<bool> test_receivers(const Config& config, const std::string& only,
                                  const std::string& version);

// What `mcp-agent check` asks of [alerts]; nothing is sent.
std::vector<CheckProbe> alert_probes(const Config& config);

}  // namespace agent
