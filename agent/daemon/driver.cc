#include "agent/daemon/driver.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>

namespace agent {

namespace asio = boost::asio;
using reconciler::ContainerId;
using reconciler::ContainerState;

namespace {

// The wall clock can step: the loop looks again at least this often.
constexpr base::Millis kLongestSleep = std::chrono::seconds(60);

base::TimePoint wall_clock() {
  return std::chrono::floor<base::Millis>(std::chrono::system_clock::now());
}

// -1 with errno; ESRCH: the process has ended already.
int pidfd_open(int pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

}  // namespace

struct Driver::Impl {
  explicit Impl(size_t threads) : pool(threads), timer(context) {}

  void step() {
    step_posted = false;
    loop->step(wall_clock());
    ++steps;
    watch_processes();
    arm();
  }

  void schedule() {
    if (std::exchange(step_posted, true)) return;
    asio::post(context, [this] { step(); });
  }

  void arm() {
    const auto at = loop->wake_at();
    const base::Millis wait =
        at ? std::clamp(*at - wall_clock(), base::Millis(0), kLongestSleep) : kLongestSleep;
    timer.expires_after(wait);
    timer.async_wait([this](const boost::system::error_code& error) {
      if (!error) schedule();
    });
  }

  // One pidfd for each running container of ours.
  void watch_processes() {
    const auto& containers = loop->observed().containers;
    std::erase_if(processes, [&](const auto& entry) {
      const auto container = containers.find(entry.first);
      return container == containers.end() || container->second.pid != entry.second->pid ||
             container->second.state != ContainerState::kRunning;
    });
    for (const auto& [id, container] : containers)
      if (container.owner && container.pid > 0 && container.state == ContainerState::kRunning &&
          !processes.contains(id))
        watch_process(id, container.pid);
  }

  void watch_process(const ContainerId& id, int pid) {
    const int fd = pidfd_open(pid);
    if (fd < 0) {
      // Where pidfds are not to be had, podman's events have to do.
      if (errno == ESRCH) ended(id);
      return;
    }
    auto process = std::make_shared<Process>(Process{pid, {context, fd}});
    process->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                   [this, id](const boost::system::error_code& error) {
                                     if (!error) ended(id);
                                   });
    processes.emplace(id, std::move(process));
  }

  void ended(const ContainerId& id) {
    loop->process_ended(id);
    schedule();
  }

  struct Process {
    int pid;
    asio::posix::stream_descriptor descriptor;
  };

  asio::io_context context;
  asio::thread_pool pool;
  asio::steady_timer timer;
  Loop* loop = nullptr;
  bool step_posted = false;  // loop's thread only
  std::atomic<uint64_t> steps = 0;
  std::map<ContainerId, std::shared_ptr<Process>> processes;

  std::mutex mutex;
  std::condition_variable idle;
  size_t under_way = 0;
  bool stopping = false;
};

Driver::Driver(size_t threads) : impl_(std::make_unique<Impl>(threads)) {}
Driver::~Driver() = default;

void Driver::run(Loop& loop) {
  impl_->loop = &loop;
  const auto work = asio::make_work_guard(impl_->context);
  impl_->schedule();
  impl_->context.run();
}

void Driver::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->context.stop();
}

uint64_t Driver::steps() const {
  return impl_->steps;
}

void Driver::post(std::function<void(Loop&)> call) {
  asio::post(impl_->context, [impl = impl_.get(), call = std::move(call)] {
    call(*impl->loop);
    impl->schedule();
  });
}

void Driver::submit(std::function<void()> work, std::function<void()> done) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return;
    ++impl_->under_way;
  }
  asio::post(impl_->pool, [impl = impl_.get(), work = std::move(work), done = std::move(done)] {
    work();
    asio::post(impl->context, [impl, done] {
      done();
      impl->schedule();
    });
    const std::lock_guard lock(impl->mutex);
    if (--impl->under_way == 0) impl->idle.notify_all();
  });
}

bool Driver::drained(base::Millis grace) {
  std::unique_lock lock(impl_->mutex);
  return impl_->idle.wait_for(lock, grace, [this] { return impl_->under_way == 0; });
}

}  // namespace agent
