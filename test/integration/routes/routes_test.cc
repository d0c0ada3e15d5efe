// The agent and mc-proxy together: real podman, real HAProxy, real clients.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <regex>
#include <thread>

#include "test/integration/agent/node.h"
#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const char* const kHost = "web.test";

// A page that says `text`; /cgi-bin/work is a program of its own.
std::string site(const std::string& text, const std::string& work = "echo; echo fine") {
  return "trap 'exit 0' TERM; mkdir -p /www/cgi-bin; echo " + text +
         " > /www/index.html; printf \"#!/bin/sh\\n" + work +
         "\\n\" > /www/cgi-bin/work; chmod 755 /www/cgi-bin/work; httpd -f -p $PORT -h /www & wait";
}

class RoutesTest : public testing::Test {
 protected:
  explicit RoutesTest(const ProxyOptions& options = {}, const std::string& policy = "")
      : proxy_(options),
        node_("[mcproxy]\nsocket = \"" + std::string(proxy_.dir() / "api.sock") + "\"\n" + policy) {
  }

  std::string web(const std::string& cmd, const std::string& extra = "",
                  const std::string& watch = "500ms") {
    return definition("web", cmd,
                      extra + "rollout = { watch = \"" + watch +
                          "\", drain = \"10s\" }\n"
                          "[components.health]\nhttp = \"/\"\ninterval = \"500ms\"\n"
                          "retries = 6\n[[components.routes]]\nmode = \"l7\"\nhostname = \"" +
                          std::string(kHost) + "\"\nport = " + std::to_string(proxy_.port()) +
                          "\n");
  }
  void push(const std::string& text) {
    node_.write("services/web.toml", text);
    node_.commit("web");
    node_.sync();
  }
  std::string page(const std::string& path = "/") { return proxy_.curl(kHost, {}, path).out; }
  // The last definition is Ready, and nothing is left of the one before.
  void rolled_out(const std::string& text) {
    node_.wait("'" + text + "' is rolled out",
               [&] { return node_.ready("web") && page() == text + "\n"; });
  }
  nlohmann::json rollout() { return node_.service("web")["components"][0]["rollout"]; }

  Proxy proxy_;
  Node node_;
};

// No development CA: certificates are those that an operator puts there.
class CertificatesTest : public RoutesTest {
 protected:
  CertificatesTest()
      : RoutesTest({.dev_ca = false},
                   "[policy]\nvolume_roots = [\"/usr\", \"/lib\", \"/lib64\", \"/tmp\"]\n") {}

  // As `curl` has it from a client that believes this certificate alone.
  Output page_for(const std::string& host, const std::string& certificate) {
    return proxy_.curl(host, {"--cacert", certificate + ".pem"});
  }
  std::string own(const std::string& name) { return node_.folder() / ("tls/" + name); }
};

// Clients that ask all the time until finish(): HTTP/1.1 without a pause, and HTTP/2 one burst
// after another on connections that live for two seconds each, at a pace that leaves the machine to
// the deployments.
class Load {
 public:
  explicit Load(const Proxy& proxy, const TempDir& folder)
      : proxy_(proxy), out_(folder / "load.out") {
    auto h1 = base::Child::spawn(
        {{"python3", std::string(MCP_SOURCE_DIR) + "/test/integration/proxy/load.py",
          std::to_string(proxy.port()), kHost, proxy.ca(), "3600"}},
        {.output_file = out_});
    h1_ = std::move(*h1);
    h2_ = std::thread([this] {
      while (!finished_) burst();
    });
  }
  ~Load() { end_h2(); }

  void finish() {
    h1_->terminate(std::chrono::seconds(30));
    end_h2();
    const Output text = run({"cat", out_});
    EXPECT_THAT(text.out, HasSubstr(" failed=0 ")) << text.out;
    EXPECT_THAT(text.out, testing::Not(HasSubstr("requests=0 ")));
    EXPECT_GT(h2_requests_, 0);
    EXPECT_EQ(h2_failed_, 0);
    std::cout << "HTTP/1.1: " << text.out << "HTTP/2: requests=" << h2_requests_
              << " failed=" << h2_failed_ << "\n";
  }

 private:
  void burst() {
    const Output h2 =
        run({"h2load", "-c", "2", "-m", "4", "--rps", "50", "-D", "2", "--connect-to",
             "127.0.0.1:" + std::to_string(proxy_.port()), "https://" + std::string(kHost) + "/"});
    std::smatch found;
    const std::regex counts("(\\d+) succeeded, (\\d+) failed, (\\d+) errored, (\\d+) timeout");
    if (!std::regex_search(h2.out, found, counts)) {
      ADD_FAILURE() << h2.out << h2.err;
      finished_ = true;
      return;
    }
    h2_requests_ += std::stol(found[1]);
    h2_failed_ += std::stol(found[2]) + std::stol(found[3]) + std::stol(found[4]);
  }
  void end_h2() {
    finished_ = true;
    if (h2_.joinable()) h2_.join();
  }

  const Proxy& proxy_;
  std::string out_;
  std::optional<base::Child> h1_;
  std::atomic<bool> finished_ = false;
  // Of the thread, until its end.
  long h2_requests_ = 0;
  long h2_failed_ = 0;
  std::thread h2_;
};

TEST_F(RoutesTest, ANameFollowsItsServiceAndGoesWithIt) {
  proxy_.put("foreign.test", {{"mode", "l7"}, {"backend", "127.0.0.1:1"}}, "somebody");
  push(web(site("one")));
  node_.start_agent();
  rolled_out("one");
  const auto route = node_.service("web")["components"][0]["routes"][0];
  EXPECT_EQ(route["registered"], true) << route.dump();
  push(web(site("two")));
  rolled_out("two");
  EXPECT_EQ(rollout()["failed"], 0) << rollout().dump();

  proxy_.call("DELETE", "/v1/routes/" + proxy_.listener() + "/" + kHost + "?owner=mcp/rift");
  node_.wait("a route that was removed by hand is back", [&] { return page() == "two\n"; }, 5);

  // Its database is gone, as after a mishap with the disk.
  proxy_.kill_daemon(SIGKILL);
  run({"sh", "-c", "rm -f " + (proxy_.dir() / "state/mc-proxy.db") + "*"});
  proxy_.start();
  node_.wait(
      "routes that mc-proxy lost are back",
      [&] { return !proxy_.route(kHost).is_null() && page() == "two\n"; }, 5);

  proxy_.put("foreign.test", {{"mode", "l7"}, {"backend", "127.0.0.1:1"}}, "somebody");
  node_.write("services/other.toml", definition("other", "trap 'exit 0' TERM; sleep 9999 & wait"));
  node_.erase("services/web.toml");
  node_.commit("web goes");
  node_.sync();
  node_.wait("its container is gone", [&] { return node_.container_id("web.main.2").empty(); });
  EXPECT_TRUE(proxy_.route(kHost).is_null());
  EXPECT_EQ(proxy_.route("foreign.test")["backend"], "127.0.0.1:1") << "another owner's stays";
}

// It takes three seconds to end, and nobody is sent to it in them.
TEST_F(RoutesTest, ARouteGoesBeforeItsContainerStops) {
  std::string text =
      web("trap 'sleep 3; exit 0' TERM; mkdir /www; echo slow > /www/index.html; "
          "httpd -f -p $PORT -h /www & while :; do wait; done");
  text.replace(text.find("stop_timeout = \"1s\""), 19, "stop_timeout = \"9s\"");
  push(text);
  node_.start_agent();
  rolled_out("slow");
  push("active = false\n" + text);
  node_.wait("the route is gone", [&] { return proxy_.route(kHost).is_null(); });
  EXPECT_GT(node_.pid_of("web.main"), 0) << "the container was stopped first";
  node_.wait("the container has ended", [&] { return node_.pid_of("web.main") == 0; });
}

TEST_F(RoutesTest, ARouteSpeaksWhatItsServiceDoes) {
  const auto speaks = [&](const std::string& protocol) {
    return [this, protocol] {
      const auto route = proxy_.route(kHost);
      return !route.is_null() && route["backendProtocol"] == protocol && node_.ready("web");
    };
  };
  push(web(site("one")) + "backend_protocol = \"h2c\"\n");
  node_.start_agent();
  node_.wait("the route is h2c", speaks("h2c"));
  const std::string container = node_.container_id("web.main");

  const std::string backend = proxy_.route(kHost)["backend"];
  ASSERT_EQ(
      proxy_.put(kHost, {{"mode", "l7"}, {"backend", backend}, {"tlsCert", "web.pem"}}, "mcp/rift"),
      204);
  node_.wait("what was set by hand is put right", speaks("h2c"));

  push(web(site("one")));
  node_.wait("the route is h1", speaks("h1"));
  EXPECT_EQ(page(), "one\n");
  EXPECT_EQ(node_.container_id("web.main"), container) << "only the route has changed";
}

TEST_F(CertificatesTest, AServiceHasTheOneOfItsName) {
  push(web(site("one")));
  node_.start_agent();
  node_.wait("the missing file is said",
             [&] { return node_.ready_reason("web") == "RouteFailed"; });
  EXPECT_THAT(node_.service("web")["conditions"].dump(), HasSubstr("certs/web.pem"));

  const std::string certificate = proxy_.dir() / "certs/web";
  make_certificate(certificate, kHost);
  node_.wait("it is served with it",
             [&] { return node_.ready("web") && page_for(kHost, certificate).out == "one\n"; });
  const auto route = node_.service("web")["components"][0]["routes"][0];
  EXPECT_THAT(route.value("certificateNotAfter", ""), testing::StartsWith("20")) << route.dump();
}

// TLS of its own, with the host's openssl: the demo image has none.
TEST_F(CertificatesTest, AnL4ServiceShowsItsOwn) {
  const std::string host = "own.test";
  std::string volumes = "\"" + (node_.folder() / "tls") + ":/tls:ro\"";
  for (const char* folder : {"/usr", "/lib", "/lib64"})
    if (fs::exists(folder)) volumes += ", \"" + std::string(folder) + ":" + folder + ":ro\"";
  const auto text = [&](const std::string& name) {
    return definition("own",
                      "exec /usr/bin/openssl s_server -www -quiet -accept $PORT -cert /tls/" +
                          name + ".pem -key /tls/" + name + ".key",
                      "volumes = [" + volumes +
                          "]\nrollout = { watch = \"500ms\" }\n"
                          "[components.health]\ntcp = true\ninterval = \"500ms\"\n"
                          "[[components.routes]]\nmode = \"l4\"\nhostname = \"" +
                          host + "\"\nport = " + std::to_string(proxy_.port()) + "\n");
  };
  fs::create_directory(node_.folder() / "tls");
  make_certificate(own("first"), host);
  make_certificate(own("second"), host);
  make_certificate(proxy_.dir() / "certs/web", kHost);
  push(web(site("beside it")));
  node_.write("services/own.toml", text("first"));
  node_.commit("own");
  node_.start_agent();
  const auto reached = [&](const std::string& certificate) {
    return [&, certificate] {
      return node_.ready("own") &&
             page_for(host, certificate).out.find("s_server") != std::string::npos;
    };
  };
  node_.wait("its first certificate reaches the client", reached(own("first")));
  node_.write("services/own.toml", text("second"));
  node_.commit("own, anew");
  node_.sync();
  node_.wait("the new version's certificate does", reached(own("second")));
  node_.wait("the l7 name beside it is served",
             [&] { return page_for(kHost, proxy_.dir() / "certs/web").out == "beside it\n"; });
}

TEST_F(RoutesTest, ANameThatAnotherHasIsSaid) {
  proxy_.put(kHost, {{"mode", "l7"}, {"backend", "127.0.0.1:1"}}, "somebody");
  push(web(site("one")));
  node_.start_agent();
  node_.wait("the clash is said", [&] { return node_.ready_reason("web") == "RouteConflict"; });
  EXPECT_THAT(node_.service("web")["conditions"].dump(), HasSubstr("somebody"));
}

TEST_F(RoutesTest, FiftyDeploymentsLoseNoRequest) {
  push(web(site("0")));
  node_.start_agent();
  rolled_out("0");
  Load load(proxy_, node_.folder());
  for (int version = 1; version <= 50; ++version) {
    push(web(site(std::to_string(version))));
    rolled_out(std::to_string(version));
    EXPECT_EQ(rollout()["failed"], 0) << rollout().dump();
  }
  load.finish();
}

TEST_F(RoutesTest, FiftyDeploymentsWithAKilledAgentLoseNoRequest) {
  push(web(site("0")));
  node_.start_agent();
  rolled_out("0");
  Load load(proxy_, node_.folder());
  std::mt19937 random(20261122);
  constexpr const char* kMoments[] = {"", "startedMs", "readyMs", "switchedMs", "finishedMs"};
  for (int version = 1; version <= 50; ++version) {
    const nlohmann::json before = rollout();
    push(web(site(std::to_string(version))));
    // Soon after the commit, or after any moment of the rollout: one in five each.
    const std::string moment = kMoments[version % 5];
    node_.wait("the rollout has " + moment, [&] {
      const nlohmann::json now = rollout();
      return now["error"].is_null() && now["begun"] != before["begun"] &&
             (moment.empty() || !now["phases"][moment].is_null());
    });
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(random() % 300);
    node_.wait("the moment of the kill", [&] { return std::chrono::steady_clock::now() > until; });
    node_.kill_agent();
    node_.start_agent();
    rolled_out(std::to_string(version));
  }
  load.finish();
}

TEST_F(RoutesTest, OneAtATimeLosesNoRequestEither) {
  const std::string recreate = "strategy = \"recreate\"\n";
  push(web(site("0"), recreate));
  node_.start_agent();
  rolled_out("0");
  Load load(proxy_, node_.folder());
  for (int version = 1; version <= 5; ++version) {
    push(web(site(std::to_string(version)), recreate));
    rolled_out(std::to_string(version));
    EXPECT_GT(rollout()["held"], 0) << rollout().dump();
  }
  load.finish();
}

TEST_F(RoutesTest, AVersionThatFailsItsRequestsIsTakenBack) {
  push(web(site("good")));
  node_.start_agent();
  rolled_out("good");
  push(web(site("bad", "echo Status: 500; echo; echo broken")));
  int failed = 0;
  node_.wait("the old version is back", [&] {
    failed += page("/cgi-bin/work") == "broken\n" ? 1 : 0;
    return node_.ready_reason("web") == "RolloutFailed" && page() == "good\n";
  });
  EXPECT_GT(failed, 0) << "it had traffic";
  for (int i = 0; i < 50; ++i) EXPECT_EQ(page("/cgi-bin/work"), "fine\n");
  EXPECT_THAT(node_.service("web")["conditions"].dump(), HasSubstr("requests failed"));
  push(web(site("mended")));
  rolled_out("mended");
}

TEST_F(RoutesTest, AVersionThatIsNeverReadyOrSoonGoneCostsNothing) {
  push(web(site("good")));
  node_.start_agent();
  rolled_out("good");
  Load load(proxy_, node_.folder());
  push(web("trap 'exit 0' TERM; sleep 9999 & wait"));
  node_.wait("it is given up", [&] { return node_.ready_reason("web") == "RolloutFailed"; });
  load.finish();
  EXPECT_EQ(page(), "good\n");
  const size_t before = node_.events("web", "RolledBack").size();
  push(web("mkdir /www; echo short > /www/index.html; httpd -p $PORT -h /www; sleep 3; exit 1", "",
           "10s"));
  node_.wait("it has traffic", [&] { return page() == "short\n"; });
  node_.wait("the old version is back", [&] {
    return node_.events("web", "RolledBack").size() > before &&
           node_.ready_reason("web") == "RolloutFailed" && page() == "good\n";
  });
}

}  // namespace
}  // namespace test
