#include "agent/auth/token_cache.h"

#include <algorithm>

#include "base/core/text.h"

namespace agent {

TokenCache::TokenCache(Limits limits, Now now) : limits_(limits), now_(std::move(now)) {}

base::Result<Caller> TokenCache::get(const std::string& token, const Ask& ask) {
  const std::string key = base::sha256_hex(token);
  std::unique_lock lock(mutex_);
  if (const auto found = answers_.find(key); found != answers_.end()) {
    const std::shared_ptr<Answer> answer = found->second;
    if (!answer->result || now_() < answer->until) {
      answered_.wait(lock, [&] { return answer->result.has_value(); });
      return *answer->result;
    }
  }
  if (questions_ >= limits_.questions)
    return base::unavailable("too many tokens are being checked at this moment", "try again");
  const auto answer = std::make_shared<Answer>();
  answer->until = now_() + limits_.keep;
  answers_[key] = answer;
  ++questions_;
  lock.unlock();

  base::Result<Caller> result = ask(token);

  lock.lock();
  --questions_;
  answer->result = result;
  const bool final = result || result.error().code == base::Code::kUnauthenticated ||
                     result.error().code == base::Code::kDenied;
  if (!final) answers_.erase(key);
  forget_over_limit();
  answered_.notify_all();
  return result;
}

void TokenCache::forget_over_limit() {
  while (answers_.size() > limits_.answers) {
    const auto oldest =
        std::min_element(answers_.begin(), answers_.end(), [](const auto& left, const auto& right) {
          const auto rank = [](const Answer& answer) {
            return std::pair(!answer.result.has_value(), answer.until);
          };
          return rank(*left.second) < rank(*right.second);
        });
    answers_.erase(oldest);
  }
}

base::TimePoint monotonic_now() {
  return base::TimePoint(std::chrono::duration_cast<base::Millis>(
      std::chrono::steady_clock::now().time_since_epoch()));
}

base::TimePoint wall_now() {
  return std::chrono::time_point_cast<base::Millis>(std::chrono::system_clock::now());
}

}  // namespace agent
