// What an agent can tell from another node's mc-proxy: the real one, with HAProxy.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "agent/peers/route_witness.h"
#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

using reconciler::PeerAnswer;
using State = reconciler::PeerAnswer::State;
using Mode = crds::Route::Mode;
using testing::HasSubstr;

reconciler::PeerQuestion about(const std::string& host, int port, Mode mode = Mode::kL7,
                               bool proxy_protocol = false,
                               const std::string& address = "127.0.0.1") {
  reconciler::PeerQuestion question;
  question.service = crds::ServiceName("web");
  question.handover.to = crds::NodeName("svc");
  question.handover.address = address;
  question.handover.names = {{{static_cast<uint16_t>(port), host}, mode, proxy_protocol}};
  return question;
}

PeerAnswer ask(const reconciler::PeerQuestion& question) {
  return agent::RouteWitness().ask(question);
}

TEST(RouteWitness, TellsFromWhatMcProxyServes) {
  Proxy proxy;
  Backend web("web");
  make_certificate(proxy.dir() / "own", "raw.test");
  Backend raw("raw", {"--tls", proxy.dir() / "own.pem", proxy.dir() / "own.key"});
  ASSERT_EQ(proxy.l7("web.test", web), 204);
  ASSERT_EQ(proxy.l4("raw.test", raw), 204);
  ASSERT_EQ(proxy.put("dead.test", {{"mode", "l7"}, {"backend", "127.0.0.1:1"}}), 204);
  ASSERT_EQ(proxy.put("deaf.test", {{"mode", "l4"}, {"backend", "127.0.0.1:1"}}), 204);

  const int port = proxy.port();
  const PeerAnswer ready = ask(about("web.test", port));
  EXPECT_EQ(ready.state, State::kReady) << ready.message;
  EXPECT_EQ(ready.node, crds::NodeName("svc"));
  EXPECT_EQ(ask(about("raw.test", port, Mode::kL4)).state, State::kReady);
  EXPECT_EQ(ask(about("web.test", port, Mode::kL7, false, "localhost")).state, State::kReady);

  const PeerAnswer dead = ask(about("dead.test", port));
  EXPECT_EQ(dead.state, State::kNotReady);
  EXPECT_THAT(dead.message, HasSubstr("answers 50"));
  EXPECT_EQ(ask(about("deaf.test", port, Mode::kL4)).state, State::kNotReady);
  const PeerAnswer unknown = ask(about("other.test", port));
  EXPECT_EQ(unknown.state, State::kNotReady);
  EXPECT_THAT(unknown.message, HasSubstr("other.test:" + std::to_string(port)));

  reconciler::PeerQuestion both = about("web.test", port);
  both.handover.names.push_back(about("dead.test", port).handover.names.front());
  EXPECT_EQ(ask(both).state, State::kNotReady) << "all names or none";
}

TEST(RouteWitness, SpeaksAsAnEdgeWhereOneIsExpected) {
  Proxy proxy({.proxy_protocol = true});
  Backend web("web");
  ASSERT_EQ(proxy.l7("web.test", web), 204);
  EXPECT_EQ(ask(about("web.test", proxy.port(), Mode::kL7, true)).state, State::kReady);
  EXPECT_EQ(ask(about("web.test", proxy.port(), Mode::kL7, false)).state, State::kNotReady);
  EXPECT_EQ(ask(about("other.test", proxy.port(), Mode::kL7, true)).state, State::kNotReady);
}

TEST(RouteWitness, NobodyThereIsNotReadyAndNothingToAskIsUnknown) {
  EXPECT_EQ(ask(about("web.test", free_port())).state, State::kNotReady);
  EXPECT_EQ(ask(about("web.test", 443, Mode::kL7, false, "no-such-host.invalid")).state,
            State::kNotReady);
  EXPECT_EQ(ask(about("web.test", 443, Mode::kL7, false, "")).state, State::kUnknown);
  reconciler::PeerQuestion nameless = about("web.test", 443);
  nameless.handover.names.clear();
  EXPECT_EQ(ask(nameless).state, State::kUnknown);
}

TEST(RouteWitness, SomebodyWhoNeverAnswersIsNotWaitedForLong) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const PeerAnswer answer = ask(about("web.test", ntohs(address.sin_port)));
  EXPECT_EQ(answer.state, State::kNotReady);
  EXPECT_THAT(answer.message, HasSubstr("does not answer in time"));
  ::close(listener);
}

}  // namespace
}  // namespace test
