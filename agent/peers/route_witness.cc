#include "agent/peers/route_witness.h"

#include <chrono>

#include "agent/peers/name_probe.h"

namespace agent {

using reconciler::PeerAnswer;
using reconciler::PeerName;

namespace {

constexpr base::Millis kDeadline = std::chrono::seconds(5);

}  // namespace

PeerAnswer RouteWitness::ask(const reconciler::PeerQuestion& question) {
  const reconciler::Handover& handover = question.handover;
  PeerAnswer answer{.node = handover.to, .state = PeerAnswer::State::kUnknown, .message = ""};
  if (handover.names.empty() || handover.address.empty()) return answer;
  const auto until = std::chrono::steady_clock::now() + kDeadline;
  for (const PeerName& name : handover.names) {
    if (const auto served = probe_name(handover.address, name, until); !served) {
      answer.state = PeerAnswer::State::kNotReady;
      answer.message = served.error().text();
      return answer;
    }
  }
  answer.state = PeerAnswer::State::kReady;
  return answer;
}

}  // namespace agent
