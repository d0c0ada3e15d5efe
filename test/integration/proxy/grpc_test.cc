// gRPC through the real program and the real HAProxy, with the library that its users have.
#include <gmock/gmock.h>

#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

// Debian's own, which python3-grpcio is for; another may come first in PATH.
const std::vector<std::string> kEcho{
    "/usr/bin/python3", std::string(MCP_SOURCE_DIR) + "/test/integration/proxy/grpc_echo.py"};

std::vector<std::string> echo(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = kEcho;
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

class EchoServer {
 public:
  explicit EchoServer(const std::vector<std::string>& files = {})
      : port_(free_port()), backend_(argv(port_, files), port_) {}
  std::string address() const { return backend_.address(); }

 private:
  static std::vector<std::string> argv(int port, const std::vector<std::string>& files) {
    std::vector<std::string> out = echo({"serve", std::to_string(port)});
    out.insert(out.end(), files.begin(), files.end());
    return out;
  }
  int port_;
  Backend backend_;
};

TEST(Proxy, GrpcEchoAndItsStatusComeThrough) {
  Proxy proxy;
  make_certificate(proxy.dir() / "own", "tls.test");
  const EchoServer plain;
  const EchoServer tls({proxy.dir() / "own.pem", proxy.dir() / "own.key"});
  const auto route = [&](const EchoServer& server, const char* protocol) {
    return nlohmann::json{
        {"mode", "l7"}, {"backend", server.address()}, {"backendProtocol", protocol}};
  };
  ASSERT_EQ(proxy.put("plain.test", route(plain, "h2c")), 204);
  ASSERT_EQ(proxy.put("tls.test", route(tls, "tls")), 204);
  for (const bool mixed : {false, true}) {
    if (mixed) {
      ASSERT_EQ(proxy.put("raw.test", {{"mode", "l4"}, {"backend", tls.address()}}), 204);
    }
    for (const std::string host : {"plain.test", "tls.test"}) {
      const Output got = run(echo({"ask", std::to_string(proxy.port()), host, proxy.ca()}));
      EXPECT_EQ(got.out,
                "once: the same OK - once\n"
                "once: the same OK - once\n"
                "talk: one two three OK - talk\n"
                "once: PERMISSION_DENIED not you: \u00e4 once\n"
                "talk: one refuse FAILED_PRECONDITION not that talk\n")
          << host << (mixed ? " beside an l4 route: " : ": ") << got.err;
    }
  }
}

}  // namespace
}  // namespace test
