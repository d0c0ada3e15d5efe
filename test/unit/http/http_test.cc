#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <latch>
#include <mutex>
#include <thread>

#include "base/http/client.h"
#include "base/http/server.h"
#include "test/support/temp_dir.h"

namespace base {
namespace {

using testing::HasSubstr;

class Http : public testing::Test {
 protected:
  HttpServerOptions options() {
    HttpServerOptions options;
    options.socket = dir_ / "s.sock";
    options.max_body = 1000;
    options.max_streams = 2;
    return options;
  }
  void serve(HttpServer& server) {
    const auto started = server.start();
    ASSERT_TRUE(started) << started.error().text();
  }
  Result<HttpResponse> get(const std::string& target) {
    return client_.request({.method = "GET", .target = target});
  }

  test::TempDir dir_;
  HttpClient client_{HttpAddress::unix_socket(dir_ / "s.sock")};
};

// Waits on a stream's own terms: until something is to be written, or the stream is over.
class Feed {
 public:
  void push(std::string text) {
    const std::lock_guard lock(mutex_);
    waiting_ += text;
    changed_.notify_all();
  }
  // Writes what is pushed until the stream ends.
  void run(HttpStream& stream) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait_for(lock, stream.stop_token(), Millis(50),
                        [this] { return !waiting_.empty(); });
      const std::string chunk = std::exchange(waiting_, {});
      if (chunk.empty() ? !stream.open() : !stream.write(chunk)) break;
    }
    ended_ = true;
    changed_.notify_all();
  }
  void wait_ended() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string waiting_;
  bool ended_ = false;
};

// What a client says byte by byte; the answer until the server closes, or `enough` is in it.
std::string raw(const std::string& socket, const std::string& bytes, const std::string& enough) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
  std::string answer;
  char buffer[4096];
  while (answer.find(enough) == std::string::npos) {
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got <= 0) break;
    answer.append(buffer, static_cast<size_t>(got));
  }
  ::close(fd);
  return answer;
}

TEST(HttpText, UrlEncoding) {
  EXPECT_EQ(url_encode("a b/c?d=é~"), "a%20b%2Fc%3Fd%3D%C3%A9~");
  EXPECT_EQ(url_decode("a%20b%2fc+d%"), "a b/c+d%");
  EXPECT_EQ(url_decode("%zz%4"), "%zz%4");
  EXPECT_EQ(url_query({}), "");
  EXPECT_EQ(url_query({{"a", "1"}, {"b", "x&y"}}), "?a=1&b=x%26y");
}

TEST(HttpText, ErrorsSurviveTheWay) {
  for (const Code code :
       {Code::kInvalid, Code::kNotFound, Code::kConflict, Code::kUnauthenticated, Code::kDenied,
        Code::kUnavailable, Code::kTimeout, Code::kExhausted, Code::kCorrupt, Code::kInternal}) {
    Error error = make_error(code, "what \xff", "do");
    const Error back = error_of(problem(error));
    EXPECT_EQ(back.code, code);
    EXPECT_EQ(back.text(), "what \xEF\xBF\xBD (do)");
  }
  EXPECT_EQ(error_of({404, {}, "no json"}).message, "the server answered 404");
}

TEST_F(Http, CarriesARequestAndItsAnswer) {
  HttpServer server(options());
  const auto echo = [](const HttpRequest& request) {
    HttpReply reply = HttpReply::text(request.method + " " + request.captures.at("name") + " " +
                                          request.query_or("q", "none") + " " + request.body + " " +
                                          request.headers.at("x-tag"),
                                      201);
    reply.headers["x-answer"] = "yes";
    return reply;
  };
  for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"})
    server.route(method, "/v1/things/{name}/spec", echo);
  serve(server);

  for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    const bool body = std::string(method) != "GET";
    const auto reply = client_.request({.method = method,
                                        .target = "/v1/things/a%2Fb/spec?q=x%20y",
                                        .body = body ? "text" : "",
                                        .content_type = "text/plain",
                                        .headers = {{"X-Tag", "t"}}});
    ASSERT_TRUE(reply) << reply.error().text();
    EXPECT_EQ(reply->status, 201);
    EXPECT_EQ(reply->body, std::string(method) + " a/b x y " + (body ? "text" : "") + " t");
    EXPECT_EQ(reply->headers.at("x-answer"), "yes");
  }
}

TEST_F(Http, RoutesByPatternAndMethod) {
  HttpServer server(options());
  const auto say = [](std::string text) {
    return [text](const HttpRequest& request) {
      const auto rest = request.captures.find("rest");
      return HttpReply::text(rest == request.captures.end() ? text : text + rest->second);
    };
  };
  server.route("GET", "/", say("root"));
  server.route("GET", "/files/{s}/{rest...}", say("rest="));
  server.route("POST", "/only", say("posted"));
  server.route("PUT", "/only", say("put"));
  serve(server);

  EXPECT_EQ(get("/")->body, "root");
  EXPECT_EQ(get("/files/web/a/b%20c?x=/")->body, "rest=a/b c");
  EXPECT_EQ(get("/files/web")->status, 404);
  EXPECT_EQ(get("/files//x")->status, 404);
  EXPECT_EQ(client_.request({.method = "HEAD", .target = "/"})->status, 200);
  const auto wrong_method = get("/only");
  EXPECT_EQ(wrong_method->status, 405);
  EXPECT_EQ(wrong_method->headers.at("allow"), "POST, PUT");
  EXPECT_EQ(wrong_method->headers.at("content-type"), "application/problem+json");
  EXPECT_THAT(wrong_method->body, HasSubstr("\"status\":405"));
}

TEST_F(Http, AHandlerThatThrowsIsAnInternalError) {
  HttpServer server(options());
  server.route("GET", "/x",
               [](const HttpRequest&) -> HttpReply { throw std::runtime_error("oops"); });
  serve(server);
  const auto reply = get("/x");
  EXPECT_EQ(reply->status, 500);
  EXPECT_THAT(error_of(*reply).message, HasSubstr("oops"));
}

TEST_F(Http, BodiesAreBounded) {
  HttpServer server(options());
  server.route("POST", "/x", [](const HttpRequest& request) {
    return HttpReply::text(std::to_string(request.body.size()));
  });
  serve(server);
  const auto post = [&](size_t size) {
    return client_.request({.method = "POST", .target = "/x", .body = std::string(size, 'a')});
  };
  EXPECT_EQ(post(1000)->body, "1000");
  EXPECT_EQ(post(1001)->status, 413);
  EXPECT_THAT(post(1001)->body, HasSubstr("\"status\":413"));
  EXPECT_EQ(post(1000000)->status, 413);
  EXPECT_EQ(post(10)->body, "10");

  const std::string head = "POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  const std::string chunk = "200\r\n" + std::string(0x200, 'c') + "\r\n";
  EXPECT_THAT(raw(dir_ / "s.sock",
                  head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n", "}"),
              HasSubstr(" 413 "));
  // No length at all: no body, and no waiting for one.
  EXPECT_THAT(raw(dir_ / "s.sock", head + "\r\n", "\r\n\r\n0"), HasSubstr(" 200 "));
  EXPECT_THAT(raw(dir_ / "s.sock", "nonsense\r\n\r\n", "}"), HasSubstr(" 400 "));
}

// RFC 6585 section 5; RFC 9110 section 15.5.15 for the target.
TEST_F(Http, SoAreAllThatAreInMemoryAtOnce) {
  HttpServerOptions wanted = options();
  wanted.max_body = 100'000;
  HttpServer server(wanted);
  std::latch held(4);
  std::latch released(1);
  server.route("POST", "/hold", [&](const HttpRequest&) {
    held.count_down();
    released.wait();
    return HttpReply::text("held");
  });
  server.route("POST", "/", [&](const HttpRequest&) { return HttpReply::text("taken"); });
  serve(server);
  const auto post = [&](const std::string& target, size_t size) {
    const auto answer = client_.request({.method = "POST",
                                         .target = target,
                                         .body = std::string(size, 'x'),
                                         .deadline = Millis(60'000)});
    return answer ? answer->status : 0;
  };
  std::vector<std::jthread> others;
  for (int i = 0; i < 4; ++i) others.emplace_back([&] { EXPECT_EQ(post("/hold", 100'000), 200); });
  held.wait();
  EXPECT_EQ(post("/", 100'000), 503);
  EXPECT_EQ(post("/", 1'000), 200);
  released.count_down();
  others.clear();
  EXPECT_EQ(post("/", 100'000), 200);
}

TEST_F(Http, HeadsAreBounded) {
  HttpServerOptions with_version = options();
  with_version.headers = {{"x-version", "v1"}};
  HttpServer server(with_version);
  server.route("GET", "/{name}", [](const HttpRequest& request) {
    return HttpReply::text("taken " + std::to_string(request.captures.at("name").size()));
  });
  serve(server);
  const auto field = [](size_t size) { return "X-A: " + std::string(size - 7, 'a') + "\r\n"; };
  const auto fields = [&](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += field(1000);
    return text;
  };
  const std::string header = "the header of the request is too large";
  const std::string target = "the target of the request is too large";
  const std::tuple<const char*, std::string, std::string, int, std::string> table[] = {
      {"as long as a field may be", "x", field(8192), 200, "taken 1"},
      {"a byte more", "x", field(8193), 431, header},
      {"a field that is more than all may be", "x", field(70'000), 431, header},
      {"one that nobody reads to its end", "x", field(900'000), 431, header},
      {"many fields", "x", fields(60), 200, "taken 1"},
      {"too many fields", "x", fields(66), 431, header},
      {"as long as a target may be", std::string(8000, 'x'), "", 200, "taken 8000"},
      {"a target that is too long", std::string(9000, 'x'), "", 414, target},
      {"a target that is more than all may be", std::string(200'000, 'x'), "", 414, target},
  };
  for (const auto& [what, name, more, status, text] : table) {
    const std::string answer =
        raw(dir_ / "s.sock", "GET /" + name + " HTTP/1.1\r\nConnection: close\r\n" + more + "\r\n",
            text);
    EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 " + std::to_string(status) + " ")) << what;
    EXPECT_THAT(answer, HasSubstr(text)) << what;
    EXPECT_THAT(answer, HasSubstr("x-version: v1\r\n")) << what;
    EXPECT_EQ(get("/next")->body, "taken 4") << "after " << what;
  }
  const auto refused = client_.request({.target = "/x", .headers = {{"x-a", field(20'000)}}});
  ASSERT_TRUE(refused) << refused.error().text();
  EXPECT_EQ(refused->status, 431);
  EXPECT_EQ(refused->headers.at("content-type"), "application/problem+json");
  EXPECT_THAT(refused->body, HasSubstr("\"status\":431"));
  EXPECT_EQ(error_of(*refused).text(), header + " (a line may have 8 KiB, all of them 64 KiB)");
}

TEST_F(Http, TheSocketFileIsGuarded) {
  HttpServer server(options());
  server.route("GET", "/", [](const HttpRequest&) { return HttpReply::text("first"); });
  serve(server);
  struct stat info{};
  ASSERT_EQ(::stat((dir_ / "s.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);

  HttpServer second(options());
  EXPECT_EQ(second.start().error().code, Code::kConflict);
  EXPECT_EQ(get("/")->body, "first");

  HttpServerOptions elsewhere = options();
  elsewhere.socket = dir_ / "file";
  std::ofstream(dir_ / "file") << "precious";
  EXPECT_EQ(HttpServer(elsewhere).start().error().code, Code::kConflict);
  EXPECT_TRUE(std::filesystem::exists(dir_ / "file"));
  elsewhere.socket = dir_ / "no/such/folder.sock";
  EXPECT_EQ(HttpServer(elsewhere).start().error().code, Code::kUnavailable);
  elsewhere.socket = dir_ / std::string(120, 'x');
  EXPECT_EQ(HttpServer(elsewhere).start().error().code, Code::kInvalid);
  elsewhere.socket = dir_ / "g.sock";
  elsewhere.group = "no-such-group";
  EXPECT_EQ(HttpServer(elsewhere).start().error().code, Code::kInvalid);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "g.sock"));
}

TEST_F(Http, AStaleSocketFileIsReplacedAndClientsGoOn) {
  const auto answer = [](const HttpRequest&) { return HttpReply::text("ok"); };
  for (int life = 0; life < 3; ++life) {
    HttpServer server(options());
    server.route("GET", "/", answer);
    serve(server);
    EXPECT_EQ(get("/")->body, "ok");  // the kept connection of the last life is gone
    server.stop();
    EXPECT_FALSE(std::filesystem::exists(dir_ / "s.sock"));
    EXPECT_EQ(get("/").error().code, Code::kUnavailable);

    // What a killed server leaves behind.
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (dir_ / "s.sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::close(fd);
    EXPECT_THAT(get("/").error().message, HasSubstr("Connection refused"));
  }
}

TEST_F(Http, ASocketThatIsMissingSaysSo) {
  const auto error = get("/").error();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("s.sock: No such file"));
  EXPECT_FALSE(error.hint.empty());
  HttpClient tcp(HttpAddress::tcp("127.0.0.1", 1));
  EXPECT_EQ(tcp.request({}).error().code, Code::kUnavailable);
  HttpClient long_path(HttpAddress::unix_socket(std::string(200, 'x')));
  EXPECT_EQ(long_path.request({}).error().code, Code::kInvalid);
}

TEST_F(Http, ASlowAnswerIsATimeout) {
  HttpServer server(options());
  std::latch released(1);
  server.route("GET", "/", [&](const HttpRequest&) {
    released.wait();
    return HttpReply::text("late");
  });
  serve(server);
  const auto reply = client_.request({.target = "/?q", .deadline = Millis(30)});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kTimeout);
  EXPECT_THAT(reply.error().message, HasSubstr("within 30ms"));
  released.count_down();
}

// A byte now and then: no wait for one is long, and the whole never ends.
// A byte every 5 ms, until the other side has enough of it.
void trickle(int peer) {
  pollfd hears{peer, POLLRDHUP, 0};
  do ::poll(&hears, 1, 5);
  while (::send(peer, "0", 1, MSG_NOSIGNAL) == 1);
}

TEST_F(Http, AnAnswerThatTricklesIsATimeout) {
  for (const std::string head :
       {"HTTP/1.1 200 OK\r\nX-A: ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (dir_ / "s.sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
    ::unlink(address.sun_path);
    ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(listening, 1), 0);
    std::jthread server([&] {
      const int peer = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
      ::send(peer, head.data(), head.size(), MSG_NOSIGNAL);
      trickle(peer);
      ::close(peer);
    });
    const auto reply = client_.request({.target = "/", .deadline = Millis(100)});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::kTimeout) << reply.error().text();
    server.join();  // the connection is closed
    ::close(listening);
  }
}

// A listening socket on a free port of this host.
std::pair<int, uint16_t> listen_on_loopback() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 1) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    ADD_FAILURE() << "cannot listen on a port";
  return {fd, ntohs(address.sin_port)};
}

// Nor does it keep the deadlines of other calls from being kept.
TEST_F(Http, AHandshakeThatTricklesIsATimeout) {
  const auto [listening, port] = listen_on_loopback();
  std::jthread server([fd = listening] {
    const int peer = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    const char record[] = {0x16, 0x03, 0x03, 0x40, 0x00};  // 16 KiB of a handshake, in time
    ::send(peer, record, sizeof(record), MSG_NOSIGNAL);
    trickle(peer);
    ::close(peer);
  });
  HttpClient client(HttpAddress::https("127.0.0.1", port));
  const auto reply = client.request({.target = "/", .deadline = Millis(100)});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kTimeout) << reply.error().text();
  server.join();  // the connection is closed
  ::close(listening);
}

TEST_F(Http, ATargetCanBeASecret) {
  for (const bool secret : {false, true}) {
    const auto [listening, port] = listen_on_loopback();
    std::jthread server([fd = listening] {
      ::close(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
      ::close(fd);
    });
    HttpClient client(HttpAddress::tcp("127.0.0.1", port));
    const auto reply = client.request({.target = "/T0/s3cret", .secret_target = secret});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().text().find("s3cret") == std::string::npos, secret)
        << reply.error().text();
  }
}

TEST_F(Http, NotModifiedHasNoBodyToWaitFor) {
  const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (dir_ / "s.sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listening, 1), 0);
  int peer = -1;
  std::jthread server([&] {
    peer = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    const std::string_view answer = "HTTP/1.1 304 Not Modified\r\nX-A: b\r\n\r\n";
    EXPECT_EQ(::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer.size()));
  });
  const auto reply = get("/");  // the connection stays open
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->status, 304);
  EXPECT_EQ(reply->headers.at("x-a"), "b");
  server.join();
  ::close(peer);
  ::close(listening);
}

TEST_F(Http, ManyThreadsShareAClient) {
  HttpServer server(options());
  server.route("POST", "/{n}", [](const HttpRequest& request) {
    return HttpReply::text(request.captures.at("n") + request.body);
  });
  serve(server);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string n = std::to_string(t * 1000 + i);
        const auto reply = client_.request({.method = "POST", .target = "/" + n, .body = "b"});
        ASSERT_TRUE(reply) << reply.error().text();
        EXPECT_EQ(reply->body, n + "b");
      }
    });
  }
}

TEST_F(Http, StreamsUntilTheServerIsDone) {
  HttpServer server(options());
  server.route("GET", "/s", [](const HttpRequest&) {
    HttpReply reply;
    reply.headers["content-type"] = "text/event-stream";
    reply.stream = [](HttpStream& out) {
      for (const char* piece : {"one ", "", "two ", "three"}) EXPECT_TRUE(out.write(piece));
    };
    return reply;
  });
  serve(server);
  std::string body;
  const auto reply = client_.stream({.target = "/s"}, [&](std::string_view piece) {
    body += piece;
    return true;
  });
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(body, "one two three");
  EXPECT_EQ(get("/s")->body, "one two three");
  EXPECT_EQ(client_.request({.method = "HEAD", .target = "/s"})->body, "");
}

TEST_F(Http, AStreamThatFailsHalfWayIsNotTakenForWhole) {
  HttpServer server(options());
  server.route("GET", "/s", [](const HttpRequest&) {
    HttpReply reply;
    reply.stream = [](HttpStream& out) {
      out.write("half");
      throw std::runtime_error("lost");
    };
    return reply;
  });
  serve(server);
  EXPECT_EQ(get("/s").error().code, Code::kUnavailable);
}

TEST_F(Http, AStreamWithAnErrorStatusGivesItsBody) {
  HttpServer server(options());
  server.route("GET", "/s", [](const HttpRequest&) { return problem(not_found("no such log")); });
  serve(server);
  const auto reply = client_.stream({.target = "/s"}, [](std::string_view piece) {
    EXPECT_EQ(piece, "");
    return true;
  });
  EXPECT_EQ(error_of(*reply).message, "no such log");
}

class OpenStream : public Http {
 protected:
  OpenStream() {
    server_.route("GET", "/s", [this](const HttpRequest&) {
      HttpReply reply;
      reply.stream = [this](HttpStream& out) { feed_.run(out); };
      return reply;
    });
    serve(server_);
    feed_.push("hello");
  }
  Feed feed_;
  HttpServer server_{options()};
};

TEST_F(OpenStream, EndsWhenTheSinkSaysSo) {
  const auto reply = client_.stream({.target = "/s"}, [](std::string_view) { return false; });
  EXPECT_EQ(reply->status, 200);
  feed_.wait_ended();
}

TEST_F(OpenStream, EndsWhenTheSinkSaysSoWhileNothingComes) {
  const auto reply =
      client_.stream({.target = "/s"}, [](std::string_view piece) { return !piece.empty(); });
  EXPECT_TRUE(reply);
  feed_.wait_ended();
}

TEST_F(OpenStream, EndsWhenStoppedFromAnotherThread) {
  std::stop_source stop;
  std::latch begun(1);
  std::jthread stopper([&] {
    begun.wait();
    stop.request_stop();
  });
  const auto reply = client_.stream(
      {.target = "/s"},
      [&](std::string_view piece) {
        if (piece == "hello") begun.count_down();
        return true;
      },
      stop.get_token());
  EXPECT_TRUE(reply);
  feed_.wait_ended();
  // And before it began.
  EXPECT_EQ(
      client_.stream(
                 {.target = "/s"}, [](std::string_view) { return true; }, stop.get_token())
          ->status,
      0);
}

TEST_F(OpenStream, EndsAtItsDeadline) {
  const auto reply = client_.stream({.target = "/s", .deadline = Millis(30)},
                                    [](std::string_view) { return true; });
  EXPECT_EQ(reply.error().code, Code::kTimeout);
  feed_.wait_ended();
}

TEST_F(OpenStream, EndsWhenTheServerStops) {
  std::latch begun(1);
  std::jthread stopper([&] {
    begun.wait();
    server_.stop();
  });
  EXPECT_TRUE(client_
                  .stream({.target = "/s"},
                          [&](std::string_view piece) {
                            if (piece == "hello") begun.count_down();
                            return true;
                          })
                  .has_value());
  feed_.wait_ended();
}

TEST_F(Http, StreamsAreBounded) {
  HttpServer server(options());
  server.route("GET", "/s", [](const HttpRequest&) {
    HttpReply reply;
    reply.stream = [](HttpStream& out) {
      out.write("begun");
      Feed().run(out);
    };
    return reply;
  });
  serve(server);
  std::stop_source stop;
  std::latch begun(2);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      EXPECT_TRUE(client_.stream(
          {.target = "/s"},
          [&](std::string_view piece) {
            if (!piece.empty()) begun.count_down();
            return true;
          },
          stop.get_token()));
    });
  }
  begun.wait();
  const auto third = get("/s");
  EXPECT_EQ(third->status, 503);
  EXPECT_THAT(error_of(*third).message, HasSubstr("too many streams"));
  stop.request_stop();
}

}  // namespace
}  // namespace base
