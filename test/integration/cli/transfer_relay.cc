#include "test/integration/cli/transfer_relay.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

namespace test {
namespace {

sockaddr_un at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

struct Pair {
  int counted = -1;
  int other = -1;
  size_t sent = 0;  // by the counted one

  void close() const {
    ::close(counted);
    ::close(other);
  }
};

// What can be read now, at most so much; 0: nothing more comes.
size_t pass(int from, int to, size_t most, bool spoil = false) {
  static char buffer[64 << 10];
  const ssize_t got = ::recv(from, buffer, std::min(most, sizeof(buffer)), 0);
  if (got <= 0) return 0;
  if (spoil) buffer[0] ^= 1;
  for (ssize_t done = 0; done < got;) {
    const ssize_t put = ::send(to, buffer + done, static_cast<size_t>(got - done), MSG_NOSIGNAL);
    if (put <= 0) return 0;
    done += put;
  }
  return static_cast<size_t>(got);
}

}  // namespace

TransferRelay::TransferRelay(std::string socket, std::string target, Way way, size_t bytes, End end)
    : socket_(std::move(socket)),
      target_(std::move(target)),
      way_(way),
      bytes_(bytes),
      end_(end),
      listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  ::unlink(socket_.c_str());
  const sockaddr_un address = at(socket_);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_, 8) != 0)
    throw std::runtime_error("the relay does not listen");
  thread_ = std::thread([this] { loop(); });
}

TransferRelay::~TransferRelay() {
  stop_ = true;
  ::eventfd_write(wake_, 1);
  thread_.join();
  ::close(listener_);
  ::close(wake_);
}

bool TransferRelay::wait_reached() {
  return reached_.get_future().wait_for(std::chrono::minutes(1)) == std::future_status::ready;
}

void TransferRelay::go_on() {
  free_ = true;
  ::eventfd_write(wake_, 1);
}

void TransferRelay::loop() {
  std::vector<Pair> pairs;
  bool reached = false;
  while (!stop_) {
    std::vector<pollfd> wanted = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Pair& pair : pairs) {
      // One that is held is asked for its end alone.
      const bool held = !free_ && pair.sent >= bytes_ && end_ != End::kSpoil;
      wanted.push_back({pair.counted, static_cast<short>(held ? 0 : POLLIN), 0});
      wanted.push_back({pair.other, POLLIN, 0});
    }
    ::poll(wanted.data(), wanted.size(), -1);
    eventfd_t ignored = 0;
    ::eventfd_read(wake_, &ignored);
    std::vector<Pair> open;
    for (size_t i = 0; i < pairs.size(); ++i) {
      Pair& pair = pairs[i];
      const short counted = wanted[2 + 2 * i].revents;
      bool good = wanted[3 + 2 * i].revents == 0 || pass(pair.other, pair.counted, SIZE_MAX) > 0;
      if (good && counted != 0) {
        const bool spoil = end_ == End::kSpoil && pair.sent == bytes_;
        const bool bounded = !free_ && (end_ != End::kSpoil || pair.sent < bytes_);
        const size_t left = bounded ? bytes_ - std::min(pair.sent, bytes_) : SIZE_MAX;
        const size_t got = left > 0 ? pass(pair.counted, pair.other, left, spoil) : 0;
        pair.sent += got;
        good = got > 0;
      }
      if (good && !free_ && pair.sent >= bytes_) {
        if (!std::exchange(reached, true)) reached_.set_value();
        good = end_ != End::kCut;
      }
      if (good)
        open.push_back(pair);
      else
        pair.close();
    }
    pairs = std::move(open);
    if (wanted[1].revents != 0) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_un address = at(target_);
      pairs.push_back(way_ == Way::kUp ? Pair{client, server} : Pair{server, client});
      if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        pairs.back().close();
        pairs.pop_back();
      }
    }
  }
  for (const Pair& pair : pairs) pair.close();
}

}  // namespace test
