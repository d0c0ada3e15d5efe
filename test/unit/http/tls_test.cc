#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <filesystem>
#include <latch>
#include <thread>
#include <vector>

#include "base/core/text.h"
#include "base/http/client.h"
#include "base/http/server.h"
#include "base/process/process.h"
#include "test/support/raw_client.h"
#include "test/support/temp_dir.h"

namespace base {
namespace {

using testing::HasSubstr;

class Tls : public testing::Test {
 protected:
  // A certificate for 127.0.0.1 that signs itself, with the name `who`.
  void certificate(const std::string& name, const std::string& who) {
    const auto made =
        run_command({{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=" + who,
                      "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout",
                      dir_ / (name + ".key"), "-out", dir_ / (name + ".pem")}},
                    "", Millis(30000));
    ASSERT_TRUE(made && made->ok()) << (made ? made->err : made.error().text());
  }

  void SetUp() override { certificate("a", "first"); }

  HttpServerOptions options() {
    return {.max_body = 1000,
            .read_timeout = Millis(1000),
            .write_timeout = Millis(1000),
            .threads = 4,
            .max_streams = 2,
            .listen = "127.0.0.1:0",
            .tls_cert = dir_ / "a.pem",
            .tls_key = dir_ / "a.key"};
  }

  void serve(HttpServer& server) {
    server.route("GET", "/peer",
                 [](const HttpRequest& request) { return HttpReply::text(request.peer); });
    server.route("POST", "/echo",
                 [](const HttpRequest& request) { return HttpReply::text(request.body); });
    const auto started = server.start();
    ASSERT_TRUE(started) << started.error().text();
  }

  HttpClient client(const HttpServer& server, const std::string& ca = "a.pem",
                    const std::string& host = "127.0.0.1") {
    return HttpClient(HttpAddress::https(host, static_cast<uint16_t>(server.port()),
                                         ca.empty() ? "" : dir_ / ca));
  }

  int connect(const HttpServer& server) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(server.port()));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  std::string s_client(const HttpServer& server, std::vector<std::string> also) {
    Command command{{"openssl", "s_client", "-nameopt", "RFC2253", "-connect",
                     "127.0.0.1:" + std::to_string(server.port()), "-CAfile", dir_ / "a.pem"}};
    command.argv.insert(command.argv.end(), also.begin(), also.end());
    const auto ran = run_command(command, "", Millis(20000));
    return ran ? ran->out + ran->err : ran.error().text();
  }

  const test::TempDir dir_;
};

TEST_F(Tls, ServesWhomItsCertificateConvinces) {
  HttpServer server(options());
  serve(server);
  auto trusting = client(server);
  const auto answer = trusting.request({.target = "/peer"});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->body, "127.0.0.1");
  const auto echoed = trusting.request({.method = "POST", .target = "/echo", .body = "hello"});
  ASSERT_TRUE(echoed) << echoed.error().text();
  EXPECT_EQ(echoed->body, "hello");

  auto doubtful = client(server, "");
  const auto refused = doubtful.request({.target = "/peer"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().text(), HasSubstr("not trusted"));
}

// What a handler leaves in its thread's queue of errors is nothing to the next connection.
TEST_F(Tls, ErrorsOfHandlersAreTheirOwn) {
  HttpServer server(options());
  server.route("GET", "/fail", [](const HttpRequest&) {
    ERR_raise(ERR_LIB_USER, 1);
    return HttpReply::text("failed");
  });
  serve(server);
  auto caller = client(server);
  // More than it has threads.
  for (int i = 0; i < 20; ++i) {
    const auto answer = caller.request({.target = "/fail"});
    ASSERT_TRUE(answer) << i << ": " << answer.error().text();
  }
}

TEST_F(Tls, SpeaksNothingOlderThan13) {
  HttpServer server(options());
  serve(server);
  EXPECT_THAT(s_client(server, {"-tls1_3"}), HasSubstr("TLSv1.3"));
  EXPECT_THAT(s_client(server, {"-tls1_2"}), HasSubstr("alert protocol version"));
}

TEST_F(Tls, AChangedCertificateIsTakenUpAndABadOneIsNot) {
  HttpServer server(options());
  serve(server);
  EXPECT_THAT(s_client(server, {}), HasSubstr("CN=first"));
  certificate("b", "second");
  std::filesystem::rename(dir_ / "b.key", dir_ / "a.key");
  // For a moment the key is another's: what was in use stays.
  EXPECT_THAT(s_client(server, {}), HasSubstr("CN=first"));
  std::filesystem::rename(dir_ / "b.pem", dir_ / "a.pem");
  EXPECT_THAT(s_client(server, {}), HasSubstr("CN=second"));
}

TEST_F(Tls, WhatCannotBeUsedIsSaidAtTheStart) {
  certificate("b", "other");
  const std::tuple<const char*, const char*, const char*, const char*> table[] = {
      {"none.pem", "a.key", "127.0.0.1:0", "cannot use the certificate"},
      {"a.pem", "none.key", "127.0.0.1:0", "cannot use the key"},
      {"a.pem", "b.key", "127.0.0.1:0", "key values mismatch"},
      {"a.pem", "a.key", "127.0.0.1", "not an address to listen on"},
      {"a.pem", "a.key", "::1:9444", "not an address to listen on"},
      {"a.pem", "a.key", "127.0.0.1:70000", "not an address to listen on"},
      {"a.pem", "a.key", "192.0.2.1:9444", "cannot listen on 192.0.2.1:9444"}};
  for (const auto& [certificate, key, listen, text] : table) {
    HttpServerOptions wrong = options();
    wrong.tls_cert = dir_ / certificate;
    wrong.tls_key = dir_ / key;
    wrong.listen = listen;
    HttpServer server(wrong);
    const auto started = server.start();
    ASSERT_FALSE(started) << text;
    EXPECT_THAT(started.error().text(), HasSubstr(text));
  }
  HttpServer first(options());
  serve(first);
  HttpServerOptions taken = options();
  taken.listen = "127.0.0.1:" + std::to_string(first.port());
  HttpServer second(taken);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().text(), HasSubstr("Address already in use"));
}

// As many as are served at once say nothing at all, and go on doing so.
TEST_F(Tls, SilentPeersAreShownTheDoor) {
  HttpServer server(options());
  serve(server);
  std::vector<int> silent;
  for (int i = 0; i < 4; ++i) silent.push_back(connect(server));
  auto eager = client(server);
  Result<HttpResponse> answer = eager.request({.target = "/peer"});
  while (!answer) answer = eager.request({.target = "/peer"});
  EXPECT_EQ(answer->status, 200);
  for (const int fd : silent) {
    char byte = 0;
    EXPECT_LE(::recv(fd, &byte, 1, 0), 0) << "it was closed";
    ::close(fd);
  }
}

// Who is one too many is closed at once, and costs those nothing who are served.
TEST_F(Tls, MoreThanItServesAreRefusedUntilOthersHaveGone) {
  for (const bool plain : {false, true}) {
    SCOPED_TRACE(plain ? "plain" : "TLS");
    HttpServerOptions wanted = options();
    wanted.plain = plain;
    HttpServer server(wanted);
    std::latch held(4);
    std::latch released(1);
    server.route("GET", "/hold", [&](const HttpRequest&) {
      held.count_down();
      released.wait();
      return HttpReply::text("held");
    });
    serve(server);
    const auto caller = [&] {
      const auto port = static_cast<uint16_t>(server.port());
      return HttpClient(plain ? HttpAddress::tcp("127.0.0.1", port)
                              : HttpAddress::https("127.0.0.1", port, dir_ / "a.pem"));
    };
    std::vector<std::jthread> crowd;
    for (int i = 0; i < 4; ++i)
      crowd.emplace_back([&] {
        auto one = caller();
        const auto answer = one.request({.target = "/hold", .deadline = Millis(60'000)});
        ASSERT_TRUE(answer) << answer.error().text();
        EXPECT_EQ(answer->body, "held");
      });
    held.wait();
    auto late = caller();
    for (int i = 0; i < 20; ++i) {
      const auto refused = late.request({.target = "/peer"});
      ASSERT_FALSE(refused) << refused->status;
      EXPECT_EQ(refused.error().code, Code::kUnavailable) << refused.error().text();
    }
    released.count_down();
    crowd.clear();
    // Its place is free a moment after somebody has the answer.
    auto answer = late.request({.target = "/peer"});
    while (!answer) answer = late.request({.target = "/peer"});
    EXPECT_EQ(answer->body, "127.0.0.1");
  }
}

TEST_F(Tls, AHeadThatIsTooLargeIsToldSo) {
  HttpServer server(options());
  serve(server);
  auto caller = client(server);
  for (const size_t size : {9'000u, 70'000u, 900'000u}) {
    const auto refused = caller.request(
        {.target = "/peer", .headers = {{"authorization", "Bearer " + std::string(size, 'x')}}});
    ASSERT_TRUE(refused) << size << ": " << refused.error().text();
    EXPECT_EQ(refused->status, 431) << size;
    EXPECT_THAT(error_of(*refused).message, HasSubstr("the header of the request is too large"));
    const auto next = caller.request({.target = "/peer"});
    ASSERT_TRUE(next) << next.error().text();
    EXPECT_EQ(next->status, 200);
  }
}

TEST_F(Tls, WhoIsNotAdmittedIsToldBeforeItsBodyIsTaken) {
  HttpServerOptions closed = options();
  std::atomic<int> asked = 0;
  closed.admit = [&](HttpRequest& request) -> Result<> {
    ++asked;
    EXPECT_EQ(request.route, "/echo");
    EXPECT_TRUE(request.body.empty());
    if (request.headers.contains("authorization")) {
      request.user = "alice";
      return {};
    }
    return make_error(Code::kUnauthenticated, "no token was sent");
  };
  HttpServer server(closed);
  serve(server);
  auto caller = client(server);
  const auto refused =
      caller.request({.method = "POST", .target = "/echo", .body = std::string(900'000, 'x')});
  ASSERT_TRUE(refused) << refused.error().text();
  EXPECT_EQ(refused->status, 401);
  const auto taken = caller.request({.method = "POST",
                                     .target = "/echo",
                                     .body = "x",
                                     .headers = {{"authorization", "Bearer t"}}});
  ASSERT_TRUE(taken) << taken.error().text();
  EXPECT_EQ(taken->status, 200);
  const auto missing = caller.request({.target = "/none"});
  ASSERT_TRUE(missing) << missing.error().text();
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(asked, 2);
}

// Each of these made the library take whatever came into memory.
TEST_F(Tls, NothingTakesABodyOfAnySize) {
  HttpServerOptions plain = options();
  plain.listen.clear();
  plain.socket = dir_ / "s.sock";
  HttpServer server(plain);
  server.route("POST", "/echo",
               [](const HttpRequest& request) { return HttpReply::text(request.body); });
  ASSERT_TRUE(server.start());
  const std::string length = "Content-Length: 100000000\r\n\r\n";
  const std::string requests[] = {"PRI / HTTP/1.1\r\n" + length, "POST /%0A HTTP/1.1\r\n" + length,
                                  "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;"};
  for (const std::string& head : requests) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    plain.socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_GT(::send(fd, head.data(), head.size(), MSG_NOSIGNAL), 0);
    const std::string piece(1 << 16, 'a');
    size_t sent = 0;
    while (sent < 50'000'000) {
      const ssize_t some = ::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL);
      if (some <= 0) break;
      sent += static_cast<size_t>(some);
    }
    ::close(fd);
    EXPECT_LT(sent, 10'000'000u) << head;
  }
}

TEST_F(Tls, ManyRangesAreOneAnswer) {
  HttpServer server(options());
  serve(server);
  auto caller = client(server);
  const auto answer = caller.request({.method = "POST",
                                      .target = "/echo",
                                      .body = "hello",
                                      .headers = {{"range", "bytes=0-,0-,0-,1-2"}}});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->body, "hello");
}

TEST_F(Tls, StreamsBothWays) {
  HttpServer server(options());
  server.upload("PUT", "/sum", [](const HttpRequest& request, const HttpBody& body) {
    Sha256 sum;
    const auto read = body([&](std::string_view piece) -> Result<> {
      sum.update(piece);
      return {};
    });
    EXPECT_TRUE(request.body.empty());
    return read ? HttpReply::text(sum.hex()) : problem(read.error());
  });
  server.route("GET", "/many", [](const HttpRequest&) {
    HttpReply reply;
    reply.stream = [](HttpStream& out) {
      for (int i = 0; i < 1000; ++i)
        if (!out.write(std::string(5000, 'y'))) return;
    };
    return reply;
  });
  server.upload("PUT", "/full", [](const HttpRequest&, const HttpBody& body) {
    const Error full = make_error(Code::kExhausted, "no space");
    const auto read = body([&](std::string_view) -> Result<> { return full; });
    return problem(read ? make_error(Code::kInternal, "it was taken") : read.error());
  });
  server.upload("PUT", "/none", [](const HttpRequest&, const HttpBody&) {
    return problem(make_error(Code::kExhausted, "no space"));
  });
  serve(server);
  const std::string large(5'000'000, 'x');
  auto caller = client(server);
  const auto put = caller.request({.method = "PUT",
                                   .target = "/sum",
                                   .upload = [&](size_t at, size_t most) -> Result<std::string> {
                                     return large.substr(at, std::min<size_t>(most, 100'000));
                                   },
                                   .upload_size = large.size()});
  ASSERT_TRUE(put) << put.error().text();
  EXPECT_EQ(put->body, sha256_hex(large));
  for (const char* target : {"/full", "/none"}) {
    const auto refused = caller.request({.method = "PUT", .target = target, .body = large});
    ASSERT_TRUE(refused) << refused.error().text();
    EXPECT_EQ(refused->status, 507);
  }
  size_t got = 0;
  const auto many = caller.stream({.target = "/many", .deadline = Millis(0)}, [&](auto piece) {
    got += piece.size();
    return true;
  });
  ASSERT_TRUE(many) << many.error().text();
  EXPECT_EQ(got, 5'000'000u);
}

class Slow : public Tls, public testing::WithParamInterface<const char*> {
 protected:
  HttpServerOptions options() {
    HttpServerOptions out = Tls::options();
    out.grace = Millis(300);
    out.plain = GetParam() == std::string("plain");
    if (GetParam() == std::string("unix")) {
      out.listen.clear();
      out.socket = dir_ / "s.sock";
    }
    return out;
  }
  test::RawClient slow(const HttpServer& server) {
    const auto port = static_cast<uint16_t>(server.port());
    if (port == 0) return test::RawClient::unix_socket(dir_ / "s.sock");
    return options().plain ? test::RawClient::tcp(port) : test::RawClient::tls(port);
  }
  HttpAddress address(const HttpServer& server) {
    const auto port = static_cast<uint16_t>(server.port());
    if (port == 0) return HttpAddress::unix_socket(dir_ / "s.sock");
    return options().plain ? HttpAddress::tcp("127.0.0.1", port)
                           : HttpAddress::https("127.0.0.1", port, dir_ / "a.pem");
  }
};

INSTANTIATE_TEST_SUITE_P(, Slow, testing::Values("unix", "plain", "TLS"),
                         [](const auto& one) { return std::string(one.param); });

// Never is one byte late, and the whole does not end.
TEST_P(Slow, ARequestThatTricklesIsCutOff) {
  HttpServer server(options());
  serve(server);
  for (const std::string begun :
       {"", "GET /peer HTTP/1.1\r\nX-A: ", "POST /echo HTTP/1.1\r\nContent-Length: 900000\r\n\r\n",
        "POST /none HTTP/1.1\r\nContent-Length: 900000\r\n\r\n"}) {
    auto one = slow(server);
    one.send(begun);
    EXPECT_THAT(one.trickle(), testing::Not(HasSubstr("200 OK"))) << begun;
  }
}

// As many as are served at once ask for what is large, and take nothing of it.
TEST_P(Slow, AnAnswerThatIsNotReadIsGivenUp) {
  HttpServerOptions wanted = options();
  wanted.max_streams = wanted.threads;
  HttpServer server(wanted);
  const std::string large(16 << 20, 'x');
  server.route("GET", "/large", [&](const HttpRequest&) { return HttpReply::text(large); });
  server.route("GET", "/stream", [&](const HttpRequest&) {
    HttpReply reply;
    reply.stream = [&](HttpStream& out) { out.write(large); };
    return reply;
  });
  std::barrier together(wanted.threads);
  server.route("GET", "/together", [&](const HttpRequest&) {
    together.arrive_and_wait();
    return HttpReply::text("");
  });
  serve(server);
  for (const std::string target : {"/large", "/stream"}) {
    std::vector<test::RawClient> lazy;
    for (int i = 0; i < wanted.threads; ++i) {
      lazy.push_back(slow(server));
      lazy.back().send("GET " + target + " HTTP/1.1\r\n\r\n");
      EXPECT_NE(lazy.back().receive(1), "");
    }
    // So many are served at once only when all of those are gone.
    std::vector<std::jthread> eager;
    for (int i = 0; i < wanted.threads; ++i)
      eager.emplace_back([&] {
        HttpClient one(address(server));
        Result<HttpResponse> answer = one.request({.target = "/together"});
        while (!answer) answer = one.request({.target = "/together"});
        EXPECT_EQ(answer->status, 200);
      });
    eager.clear();
    for (test::RawClient& one : lazy) EXPECT_LT(one.receive_all().size(), large.size());
  }
}

// What it takes as a whole is no matter, as long as it goes on.
TEST_P(Slow, AReaderThatGoesOnGetsAll) {
  HttpServerOptions hurried = options();
  hurried.write_timeout = Millis(500);
  HttpServer server(hurried);
  const std::string large(8 << 20, 'x');
  server.route("GET", "/large", [&](const HttpRequest&) { return HttpReply::text(large); });
  serve(server);
  auto reader = slow(server);
  reader.send("GET /large HTTP/1.1\r\n\r\n");
  size_t got = 0;
  for (std::string piece = "x"; !piece.empty(); got += piece.size()) {
    ::poll(nullptr, 0, 1);
    piece = reader.receive(8 << 10);
  }
  EXPECT_GT(got, large.size());
}

}  // namespace
}  // namespace base
