#include <algorithm>

#include "reconciler/back_off.h"
#include "reconciler/conditions.h"
#include "reconciler/machine.h"
#include "reconciler/steps.h"

namespace reconciler {
namespace {

constexpr int kTriesWithTraffic = 3;

}  // namespace

void Machine::fail_rollout(const std::string& why, bool for_good) {
  // It has a back-off of its own; what goes now must not wait for the one of steps.
  forget_failures();
  d_.next.rollout_wish = wish();
  BackOff& back_off = d_.next.rollout_back_off;
  ++back_off.attempts;
  back_off.next_at = in_.now + delay(kRolloutRetry, back_off.attempts, in_.key.text());
  d_.next.rollout_failed = true;
  d_.next.rollout_error = why;
  // What has failed its users is not tried on them again and again.
  d_.next.rollout_over = for_good || (d_.next.trial && back_off.attempts >= kTriesWithTraffic);
  d_.next.trial.reset();
  finish_rollout(why);
  hold_fallback();
}

void Machine::hold_fallback() {
  d_.available = runs(*fallback_);
  if (d_.next.rollout_over)
    d_.final = true;
  else
    wake(d_.next.rollout_back_off.next_at);
  if (!fallback_serves()) return fail(reason::kRolloutFailed, rollout_message());
  for (const ObservedContainer* container : in_.containers) {
    if (container == fallback_) continue;
    // First its connections end; then go the names that the old container has no port for.
    const bool busy = runs(*container) && !runs(*fallback_) && !hold_traffic(*container);
    if (!busy && take_routes_away({container}, d_.next.rollout_error)) {
      if (runs(*container))
        stop(*container, d_.next.rollout_error);
      else
        remove(*container, d_.next.rollout_error, true);
    }
    return fail(reason::kRolloutFailed, rollout_message());
  }
  if (is_down(*fallback_)) return_to_fallback();
  fail(reason::kRolloutFailed, rollout_message());
}

void Machine::return_to_fallback() {
  const BackOff& back_off = d_.next.rollout_back_off;
  const TimePoint failed_at =
      back_off.next_at - delay(kRolloutRetry, back_off.attempts, in_.key.text());
  const bool again =
      fallback_->state == ContainerState::kExited && fallback_->started_at >= failed_at;
  forget_old_heals();
  restart_fallback(again ? heal_time(*fallback_) : in_.now, again,
                   again ? exit_text(*fallback_) : "automatic return: " + d_.next.rollout_error);
}

std::string Machine::rollout_message() const {
  const std::string& service = in_.key.service.str();
  return d_.next.rollout_error + "; " + fallback_->name + " of commit " +
         fallback_->owner->revision.str().substr(0, 7) + " stays in service " +
         (d_.next.rollout_over
              ? "(not tried again by itself: mcp rollback " + service +
                    ", commit another version, or mcp restart " + service + " to try once more)"
              : "(attempt " + std::to_string(d_.next.rollout_back_off.attempts) +
                    ", tried again later; mcp rollback " + service + " ends it)");
}

Rollout* Machine::rollout_under_way() {
  auto& rollout = d_.next.rollout;
  return rollout && rollout->finished == TimePoint{} ? &*rollout : nullptr;
}

void Machine::begin_rollout() {
  d_.next.rollout = Rollout{.revision = in_.service.revision,
                            .replaces = fallback_ != nullptr && runs(*fallback_),
                            .begun = in_.now,
                            .before = sums(in_.routes).traffic};
}

void Machine::count_rollout() {
  Rollout* rollout = rollout_under_way();
  if (rollout == nullptr || rollout->counted || !in_.routes.managed() || in_.routes.proxy->error)
    return;
  rollout->begun = std::min(rollout->begun, in_.now);
  rollout->counted = in_.routes.proxy->asked_at >= rollout->begun;
  rollout->before = sums(in_.routes).traffic;
  d_.follow_routes |= !rollout->counted;
}

// Else going back to it would help nobody.
bool Machine::fallback_had_traffic() const {
  return fallback_ != nullptr &&
         (runs(*fallback_) || (d_.next.rollout && d_.next.rollout->replaces));
}

void Machine::mark(TimePoint Rollout::* phase, TimePoint at) {
  Rollout* rollout = rollout_under_way();
  if (rollout != nullptr && rollout->*phase == TimePoint{}) rollout->*phase = at;
}

void Machine::finish_rollout(const std::string& error) {
  Rollout* rollout = rollout_under_way();
  if (rollout == nullptr) return;
  rollout->seen = since(rollout->before, sums(in_.routes).traffic);
  rollout->error = error;
  rollout->finished = in_.now;
}

}  // namespace reconciler
