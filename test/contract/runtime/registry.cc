#include "test/contract/runtime/registry.h"

#include <netinet/in.h>
#include <unistd.h>

namespace test {

RefusingRegistry::RefusingRegistry(int status) : status_(status) {
  listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ::bind(listening_, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
  ::listen(listening_, 16);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

RefusingRegistry::~RefusingRegistry() {
  ::shutdown(listening_, SHUT_RDWR);
  thread_.join();
  ::close(listening_);
}

void RefusingRegistry::serve() {
  for (int peer; (peer = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;
       ::close(peer)) {
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(peer, buffer, sizeof(buffer), 0);
      if (got <= 0) break;
      request.append(buffer, static_cast<size_t>(got));
    }
    const bool base = request.starts_with("GET /v2/ ");
    const std::string body =
        status_ == 401
            ? R"({"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]})"
        : base ? "{}"
               : R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})";
    const std::string head = status_ == 401
                                 ? "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\""
                             : base ? "200 OK"
                                    : "404 Not Found";
    const std::string answer =
        "HTTP/1.1 " + head +
        "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\nConnection: close\r\n\r\n" + body;
    ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
  }
}

}  // namespace test
