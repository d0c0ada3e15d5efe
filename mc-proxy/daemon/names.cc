#include "mc-proxy/daemon/names.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "mc-proxy/daemon/network.h"

namespace mc_proxy {
namespace {

using base::Result;

constexpr size_t kAtOnce = 8;

}  // namespace

struct Names::Round {
  std::mutex mutex;
  std::set<std::string> open;  // not asked yet
  std::map<std::string, Result<std::string>> answers;
  size_t asking = 0;  // threads

  void work() {
    std::unique_lock lock(mutex);
    while (!open.empty()) {
      const std::string host = std::move(open.extract(open.begin()).value());
      lock.unlock();
      auto answer = resolve(host);
      lock.lock();
      answers.insert_or_assign(host, std::move(answer));
    }
    --asking;
  }
};

Names::Names() : round_(std::make_shared<Round>()) {}

bool Names::ask(const std::set<std::string>& hosts) {
  const std::scoped_lock lock(round_->mutex);
  if (round_->asking > 0) return false;
  round_->open = hosts;
  round_->asking = std::min(hosts.size(), kAtOnce);
  for (size_t i = 0; i < round_->asking; ++i)
    std::thread([round = round_] { round->work(); }).detach();
  return true;
}

std::map<std::string, Result<std::string>> Names::take() {
  const std::scoped_lock lock(round_->mutex);
  return std::exchange(round_->answers, {});
}

}  // namespace mc_proxy
