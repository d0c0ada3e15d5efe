#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "agent/view/alerts.h"

namespace agent {

// A thread that says when the loop's is stuck: what no loop can say of itself. The start is told
// from here, past the ledger; the end is the ledger's, once the loop moves again or the agent was
// started anew: a file keeps what was told until then.
class LoopWatch {
 public:
  using Told = std::set<std::string>;  // names of receivers
  struct Options {
    std::string node;
    base::Millis stuck_after = std::chrono::minutes(3);
    base::Millis tick = std::chrono::seconds(5);
    base::Millis again = std::chrono::seconds(60);  // tell those who could not be reached
    std::string note;                               // the file
    std::function<uint64_t()> steps;                // that the loop has made; from any thread
    // Tells all but these, or those who forget; gives who knows now. Bounded.
    std::function<Told(const Alert&, const Told& but)> tell;
    // The loop moves again: hands over what was told.
    std::function<void(const Alert&, const Told&)> hand_over;
  };
  explicit LoopWatch(Options options);
  ~LoopWatch();  // ends the thread; waits for what is being told
  LoopWatch(const LoopWatch&) = delete;
  LoopWatch& operator=(const LoopWatch&) = delete;

  // What was told and not handed over when the agent ended; then the file may go.
  static std::optional<std::pair<Alert, Told>> last_words(const std::string& note,
                                                          const std::string& node);
  static void forget(const std::string& note);

 private:
  void run();
  void write_note() const;

  const Options options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  Alert alert_;
  Told told_;
  std::thread thread_;
};

}  // namespace agent
