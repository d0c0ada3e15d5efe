#include "agent/probe/probe.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "agent/runtime/podman.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using base::Code;
using base::Millis;
using testing::ElementsAre;
using testing::HasSubstr;

// Listens on a free port of 127.0.0.1, and does one thing with every connection.
class Listener {
 public:
  enum class Then { kKeep, kClose, kGreet, kOk, kFail, kEndless };
  explicit Listener(Then then) : then_(then) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    ::listen(fd_, 8);
    thread_ = std::thread([this] { serve(); });
  }
  ~Listener() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    for (const int peer : peers_) ::close(peer);
    ::close(fd_);
  }
  uint16_t port() const { return port_; }

 private:
  void serve() {
    for (int peer; (peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      const std::string text =
          then_ == Then::kGreet     ? "220 hello\r\n"
          : then_ == Then::kOk      ? "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"
          : then_ == Then::kFail    ? "HTTP/1.1 500 Oops\r\nContent-Length: 14\r\n\r\n"
                                      "no database\nxx"
          : then_ == Then::kEndless ? "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n" +
                                          std::string(100'000, 'x')
                                    : "";
      ::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
      if (then_ == Then::kClose)
        ::close(peer);
      else
        peers_.push_back(peer);
    }
  }
  const Then then_;
  int fd_ = -1;
  uint16_t port_ = 0;
  std::vector<int> peers_;
  std::thread thread_;
};

class Probes : public testing::Test {
 protected:
  base::Result<> probe(std::variant<crds::HttpCheck, crds::TcpCheck, crds::CmdCheck> check,
                       uint16_t port) {
    reconciler::Probe probe;
    probe.health.check = std::move(check);
    probe.health.timeout = Millis(500);
    probe.address = "127.0.0.1";
    probe.port = port;
    return prober_.probe(probe);
  }
  test::TempDir dir_;
  Podman podman_{{.socket = dir_ / "none.sock", .auth_file = {}, .runtime_folder = {}}};
  ContainerProber prober_{podman_};
};

TEST_F(Probes, Tcp) {
  EXPECT_TRUE(probe(crds::TcpCheck{}, Listener(Listener::Then::kKeep).port()));
  EXPECT_TRUE(probe(crds::TcpCheck{}, Listener(Listener::Then::kGreet).port()));
  const auto closed = probe(crds::TcpCheck{}, Listener(Listener::Then::kClose).port());
  EXPECT_THAT(closed.error().message, HasSubstr("closed the connection"));
  const auto nobody = probe(crds::TcpCheck{}, 1);
  EXPECT_THAT(nobody.error().message, HasSubstr("127.0.0.1:1: Connection refused"));
}

TEST_F(Probes, Http) {
  EXPECT_TRUE(probe(crds::HttpCheck{"/healthz"}, Listener(Listener::Then::kOk).port()));
  EXPECT_TRUE(probe(crds::HttpCheck{"/healthz"}, Listener(Listener::Then::kEndless).port()));
  const auto failed = probe(crds::HttpCheck{"/healthz"}, Listener(Listener::Then::kFail).port());
  EXPECT_EQ(failed.error().message, "GET /healthz answered 500: no database");
  const auto silent = probe(crds::HttpCheck{"/healthz"}, Listener(Listener::Then::kKeep).port());
  EXPECT_EQ(silent.error().code, Code::kTimeout);
  EXPECT_FALSE(probe(crds::HttpCheck{"/"}, Listener(Listener::Then::kGreet).port()));
}

TEST_F(Probes, CommandsNeedPodman) {
  EXPECT_EQ(probe(crds::CmdCheck{{"true"}}, 0).error().code, Code::kUnavailable);
}

TEST(HostPorts, ReadsTheKernelsTables) {
  const test::TempDir dir;
  std::ofstream(dir / "tcp") << "  sl  local_address rem_address   st tx_queue\n"
                                "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
                                "   1: 0100007F:A000 0100007F:1F90 01 00000000:00000000\n"
                                "garbage\n";
  std::ofstream(dir / "tcp6")
      << "  sl  local_address                         remote_address                        st\n"
         "   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0\n";
  EXPECT_THAT(ProcHostPorts(dir.path()).listening(), ElementsAre(443, 8080));
  EXPECT_THAT(ProcHostPorts(dir / "none").listening(), ElementsAre());
}

TEST(HostPorts, SeesAListenerOfThisHost) {
  const Listener listener(Listener::Then::kKeep);
  EXPECT_TRUE(ProcHostPorts().listening().contains(listener.port()));
}

}  // namespace
}  // namespace agent
