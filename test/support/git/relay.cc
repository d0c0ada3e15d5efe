#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "test/support/git/git_server.h"

namespace test {

class Relay::Pump {
 public:
  Pump(uint16_t upstream, size_t bytes, End end) : upstream_(upstream), left_(bytes), end_(end) {
    sockaddr_in address = at(0);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 8) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("the relay has no port");
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { loop(); });
  }

  ~Pump() {
    const uint64_t one = 1;
    if (write(stop_, &one, sizeof one) < 0) std::terminate();
    thread_.join();
    for (const Pair& pair : pairs_) drop(pair);
    close(listener_);
    close(stop_);
  }

  uint16_t port = 0;

 private:
  struct Pair {
    int client, server;
  };

  static sockaddr_in at(uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  static void drop(const Pair& pair) {
    close(pair.client);
    close(pair.server);
  }

  void accept_one() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = at(upstream_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      pairs_.push_back({client, server});
    else
      drop({client, server});
  }

  // False: the connection is over.
  bool pass(int from, int to, bool counted) {
    char buffer[4096];
    const size_t most = counted ? std::min(sizeof buffer, left_) : sizeof buffer;
    const ssize_t got = recv(from, buffer, most, 0);
    if (got <= 0) return false;
    if (counted) left_ -= static_cast<size_t>(got);
    return send(to, buffer, static_cast<size_t>(got), MSG_NOSIGNAL) == got;
  }

  void loop() {
    for (;;) {
      const bool silent = left_ == 0;
      if (silent && end_ == End::kCut) {
        for (const Pair& pair : pairs_) drop(pair);
        pairs_.clear();
      }
      std::vector<pollfd> wanted = {{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        wanted.push_back({pair.client, POLLIN, 0});
        wanted.push_back({silent ? -1 : pair.server, POLLIN, 0});
      }
      poll(wanted.data(), wanted.size(), -1);
      if (wanted[0].revents != 0) return;
      std::vector<Pair> open;
      for (size_t i = 0; i < pairs_.size(); ++i) {
        bool good = true;
        if (wanted[2 + 2 * i].revents != 0) good = pass(pairs_[i].client, pairs_[i].server, false);
        if (good && wanted[3 + 2 * i].revents != 0)
          good = pass(pairs_[i].server, pairs_[i].client, true);
        if (good)
          open.push_back(pairs_[i]);
        else
          drop(pairs_[i]);
      }
      pairs_ = std::move(open);
      if (wanted[1].revents != 0) accept_one();
    }
  }

  const uint16_t upstream_;
  size_t left_;
  const End end_;
  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int stop_ = eventfd(0, EFD_CLOEXEC);
  std::vector<Pair> pairs_;
  std::thread thread_;
};

Relay::Relay(uint16_t upstream, size_t bytes, End end)
    : pump_(std::make_unique<Pump>(upstream, bytes, end)) {}
Relay::~Relay() = default;
uint16_t Relay::port() const {
  return pump_->port;
}

}  // namespace test
