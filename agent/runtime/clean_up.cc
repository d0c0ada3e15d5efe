#include "agent/runtime/clean_up.h"

#include <chrono>
#include <thread>

#include "agent/runtime/spec_json.h"

namespace agent {
namespace {

using base::Millis;
using base::Result;
using Clock = std::chrono::steady_clock;

// Podman says it in no other way: its wait returns before the clean-up (5.x), its events come in
// steps of 250 ms, and the process that cleans up is named nowhere. It takes some 100 ms.
constexpr Millis kAskAgain{10};

}  // namespace

Result<bool> cleaned_up(PodmanApi& api, const std::string& inspect) {
  MCP_TRY(const bool rootless, api.rootless());
  if (!rootless) return true;
  const auto until = Clock::now() + api.deadlines().clean_up;
  while (true) {
    MCP_TRY(const auto answer, api.call({.path = inspect, .deadline = api.deadlines().read}));
    if (!answer.ok()) return true;  // whoever acts on it will say why it cannot be
    MCP_TRY(const bool left, parse_network_left(answer.body));
    if (!left) return true;
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(kAskAgain);
  }
}

}  // namespace agent
