#pragma once

#include <functional>
#include <future>
#include <memory>

#include "agent/loop/loop.h"
#include "reconciler/ports.h"

namespace agent {

// Gives the loop its thread, its time and its hands: Asio schedules step(), a pool of threads does
// the slow work, and pidfds (pidfd_open(2)) tell of the end of a container's process long before
// podman's event stream does.
class Driver : public reconciler::Executor {
 public:
  // One thread for each call that can be under way at once.
  explicit Driver(size_t threads);
  ~Driver() override;

  // Drives `loop` on the calling thread until stop(). Once.
  void run(Loop& loop);
  // From any thread. Nothing new is begun; see drained().
  void stop();

  // On the loop's thread, followed by a step. From any thread.
  void post(std::function<void(Loop&)> call);
  // The same, and waits for the answer. Not from the loop's thread. After stop() the answer may
  // never come: the future is broken then (std::future_error).
  template <class T>
  std::future<T> ask(std::function<T(Loop&)> question) {
    auto promise = std::make_shared<std::promise<T>>();
    std::future<T> answer = promise->get_future();
    post([promise, question = std::move(question)](Loop& loop) {
      promise->set_value(question(loop));
    });
    return answer;
  }

  // That the loop has made. From any thread.
  uint64_t steps() const;

  void submit(std::function<void()> work, std::function<void()> done) override;

  // Whether all work under way ended within `grace` of stop().
  bool drained(base::Millis grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent
