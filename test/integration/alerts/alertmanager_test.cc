// The real Alertmanager of Debian, and what it makes of what the agent says.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "test/integration/alerts/parts.h"

namespace test {
namespace {

using testing::Contains;
using testing::HasSubstr;

uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

class Alertmanager {
 public:
  explicit Alertmanager(const Listener& listener) : port_(free_port()), api_(address()) {
    std::ofstream(folder_ / "config.yml")
        << "route:\n  receiver: hook\n  group_by: [alertname]\n  group_wait: 1s\n"
           "  group_interval: 1s\n  repeat_interval: 1h\nreceivers:\n- name: hook\n"
           "  webhook_configs:\n  - url: "
        << listener.url("/alertmanager")
        << "\n    http_config:\n      tls_config:\n        insecure_skip_verify: true\n";
    start();
  }
  ~Alertmanager() { stop(); }

  void start() {
    auto child =
        base::Child::spawn({{"prometheus-alertmanager", "--config.file", folder_ / "config.yml",
                             "--storage.path", folder_ / "data", "--web.listen-address",
                             "127.0.0.1:" + std::to_string(port_), "--cluster.listen-address", ""}},
                           {.output_file = folder_ / "log"});
    if (!child) throw std::runtime_error(child.error().text() + " (test/packages.sh installs it)");
    process_ = std::move(*child);
    if (!eventually([&] {
          const auto ready = api_.request({.target = "/-/ready"});
          return ready && ready->ok();
        }))
      throw std::runtime_error("the Alertmanager does not answer");
  }
  void stop() {
    if (process_) process_->terminate(std::chrono::seconds(10));
    process_.reset();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // The values of one label of the alerts that it holds active.
  std::vector<std::string> active(const std::string& label = "alertname") {
    std::vector<std::string> out;
    const auto answer = api_.request({.target = "/api/v2/alerts?active=true"});
    if (!answer || !answer->ok()) return out;
    const Json alerts = Json::parse(answer->body);
    for (const Json& alert : alerts) out.push_back(alert["labels"][label]);
    return out;
  }
  Json first() { return Json::parse(api_.request({.target = "/api/v2/alerts"})->body)[0]; }

 private:
  base::HttpAddress address() const { return base::HttpAddress::tcp("127.0.0.1", port_); }

  TempDir folder_;
  const uint16_t port_;
  base::HttpClient api_;
  std::optional<base::Child> process_;
};

// What the Alertmanager told its own receiver: "firing SourceUnreachable".
std::vector<std::string> notified(const Listener& listener) {
  std::vector<std::string> out;
  for (const base::HttpRequest& request : listener.requests("/alertmanager")) {
    const Json document = Json::parse(request.body);
    for (const Json& alert : document["alerts"])
      out.push_back(alert["status"].get<std::string>() + " " +
                    alert["labels"]["alertname"].get<std::string>());
  }
  return out;
}

bool has(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

TEST(RealAlertmanager, FiresResolvesAndLearnsAgainAfterARestart) {
  Listener listener;
  Alertmanager alertmanager(listener);
  Agent agent(
      "[alerts]\nresolve_after = \"0s\"\ndisable = [\"DiskNearlyFull\"]\n"
      "[alerts.for]\nSourceUnreachable = \"0s\"\nRuntimeUnreachable = \"0s\"\n"
      "[[alerts.receivers]]\ntype = \"alertmanager\"\nurl = \"" +
      alertmanager.url() + "\"\n");
  const base::Finished tested = agent.run("alert-test");
  EXPECT_EQ(tested.exit_code, 0) << tested.out;
  EXPECT_THAT(tested.out, HasSubstr("ok       alertmanager (alertmanager): took it"));

  agent.start();
  ASSERT_TRUE(eventually([&] { return has(alertmanager.active(), "RuntimeUnreachable"); }))
      << agent.log();
  const Json alert = alertmanager.first();
  EXPECT_EQ(alert["labels"]["node"], "rift");
  EXPECT_EQ(alert["labels"]["severity"], "critical");
  EXPECT_THAT(alert["annotations"]["summary"].get<std::string>(), HasSubstr("podman"));
  agent.take_source();
  ASSERT_TRUE(eventually([&] { return has(alertmanager.active(), "SourceUnreachable"); }))
      << agent.log();
  ASSERT_TRUE(eventually([&] { return has(notified(listener), "firing SourceUnreachable"); }));
  agent.give_source();
  ASSERT_TRUE(eventually([&] { return has(notified(listener), "resolved SourceUnreachable"); }))
      << agent.log();
  EXPECT_FALSE(has(alertmanager.active(), "SourceUnreachable"));
  EXPECT_TRUE(has(alertmanager.active(), "RuntimeUnreachable"));

  // It keeps alerts in memory alone; the agent says what fires again and again.
  alertmanager.stop();
  alertmanager.start();
  ASSERT_TRUE(eventually([&] { return has(alertmanager.active(), "RuntimeUnreachable"); }, 150))
      << agent.log();
}

TEST(RealAlertmanager, AnAlertThatGetsWorseIsStillOne) {
  Listener listener;
  Alertmanager alertmanager(listener);
  TempDir folder;
  const std::string cert = folder / "cert", key = folder / "key";
  make_certificate(cert, key, 10);
  Agent agent(
      "[alerts]\ndisable = [\"DiskNearlyFull\", \"RuntimeUnreachable\"]\n"
      "[alerts.for]\nCertificateExpiring = \"0s\"\n"
      "[[alerts.receivers]]\ntype = \"alertmanager\"\nurl = \"" +
          alertmanager.url() + "\"\n[mcias]\nserver_url = \"https://127.0.0.1:1\"\nca_cert = \"" +
          cert + "\"\n",
      "listen = \"127.0.0.1:0\"\ntls_cert = \"" + cert + "\"\ntls_key = \"" + key + "\"\n");
  agent.start();
  ASSERT_TRUE(eventually([&] {
    return alertmanager.active("severity") == std::vector<std::string>{"warning"};
  })) << agent.log();
  // The agent has heard that it was taken, and has written that down.
  ASSERT_TRUE(eventually([&] { return agent.receiver("alertmanager")["delivered"] > 0; }));
  agent.kill();
  make_certificate(cert, key, 1);
  agent.start();
  ASSERT_TRUE(eventually([&] { return has(alertmanager.active("severity"), "critical"); }))
      << agent.log();
  EXPECT_THAT(alertmanager.active("severity"), testing::ElementsAre("critical"));
  EXPECT_THAT(alertmanager.active(), testing::ElementsAre("CertificateExpiring"));
}

}  // namespace
}  // namespace test
