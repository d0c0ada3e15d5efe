#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/auth/auth.h"
#include "base/core/time.h"

namespace agent {

// What a server has said about tokens, for a short while, by their SHA-256: no token is kept.
// Bounded in size and in questions under way, so that a flood of bad tokens costs memory and the
// server no more than that. Any thread.
class TokenCache {
 public:
  struct Limits {
    base::Millis keep{30'000};  // counted from when the question was asked
    size_t answers = 1024;      // over that, the oldest are forgotten
    size_t questions = 8;       // under way; over that: kUnavailable
  };
  using Now = std::function<base::TimePoint()>;
  using Ask = std::function<base::Result<Caller>(const std::string& token)>;

  // `now` should never go back: see monotonic_now().
  TokenCache(Limits limits, Now now);

  // The answer that is remembered, else `ask`'s. However many want to know about a token at once,
  // one asks and the others wait for that. Yes and no are kept; kUnavailable and kTimeout are not.
  base::Result<Caller> get(const std::string& token, const Ask& ask);

 private:
  struct Answer {
    std::optional<base::Result<Caller>> result;  // none: being asked
    base::TimePoint until;
  };
  void forget_over_limit();

  Limits limits_;
  Now now_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::map<std::string, std::shared_ptr<Answer>> answers_;
  size_t questions_ = 0;
};

// Since some moment before this process; a clock that is set does not move it.
base::TimePoint monotonic_now();
base::TimePoint wall_now();

}  // namespace agent
