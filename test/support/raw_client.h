#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct ssl_st;

namespace test {

// One connection to an HTTP server, with a client that says and reads what the test wants of it.
// Throws when there is no connection. It takes little at once, so that a server soon notices what
// it does not read.
class RawClient {
 public:
  static RawClient unix_socket(const std::string& path);
  static RawClient tcp(uint16_t port);  // of 127.0.0.1
  static RawClient tls(uint16_t port);  // any certificate will do
  ~RawClient();
  RawClient(RawClient&& other) noexcept;

  void send(std::string_view bytes);
  // One more byte every few moments until the server has closed; what it said. Throws when it has
  // not after a minute.
  std::string trickle();
  // At most so many bytes, waited for; "": the server has closed.
  std::string receive(size_t most = 4096);
  std::string receive_all();

 private:
  RawClient(int fd, bool tls);
  int fd_;
  ssl_st* tls_ = nullptr;
};

}  // namespace test
