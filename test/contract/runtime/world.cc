#include "test/contract/runtime/world.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <thread>

#include "base/http/client.h"
#include "test/contract/runtime/registry.h"

namespace test {

using base::Millis;
using reconciler::ContainerId;
using reconciler::ContainerSpec;
using reconciler::ContainerState;
using reconciler::ObservedContainer;

namespace {

class FakeWorld : public World {
 public:
  FakeWorld() {
    fake_.add_image(image());
    fake_.refuse(unreachable_image(), base::unavailable("connection refused", "is it up?"));
    fake_.refuse(closed_image(), base::make_error(base::Code::kUnauthenticated, "unauthorized",
                                                  "podman login r.example"));
  }
  reconciler::Runtime& runtime() override { return fake_; }
  std::string image() const override { return "localhost/demo:v1"; }
  ContainerId add_foreign(const std::string& name) override { return fake_.add_foreign(name); }
  void pause(const ContainerId& id) override { fake_.pause_by_hand(id); }
  void kill(const ContainerId& id) override { fake_.kill(id); }
  ObservedContainer run_to_end(ContainerSpec spec, int code) override {
    fake_.exits_at_start = [code](const ObservedContainer&) { return code; };
    const ObservedContainer ended = *fake_.start(*fake_.create(spec));
    fake_.exits_at_start = nullptr;
    return ended;
  }
  std::string unreachable_image() override { return "r.example/down:v1"; }
  std::string closed_image() override { return "r.example/closed:v1"; }
  std::string missing_image() override { return "r.example/none:v1"; }
  void occupy_port(uint16_t port) override { fake_.occupy_port(port); }
  void free_port(uint16_t port) override { fake_.free_port(port); }
  bool answers(uint16_t port) override {
    for (const auto& [id, container] : fake_.containers()) {
      if (container.state != ContainerState::kRunning) continue;
      for (const crds::PortMapping& mapping : container.ports)
        if (mapping.host_port == port) return true;
    }
    return false;
  }
  void clear() override {
    while (!fake_.containers().empty()) {
      const ContainerId first = fake_.containers().begin()->first;
      fake_.remove_by_hand(first);
    }
  }

 private:
  FakeRuntime fake_{
      [] { return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now()); }};
};

class PodmanWorld : public World {
 public:
  explicit PodmanWorld(std::unique_ptr<PodmanFixture> fixture)
      : fixture_(std::move(fixture)),
        podman_({.socket = fixture_->socket(), .auth_file = {}, .runtime_folder = {}}),
        http_(base::HttpAddress::unix_socket(fixture_->socket())) {}
  reconciler::Runtime& runtime() override { return podman_; }
  std::string image() const override { return PodmanFixture::kDemoImage; }
  ContainerId add_foreign(const std::string& name) override {
    post("/containers/create", R"({"name":")" + name + R"(","image":")" + image() +
                                   R"(","command":["sleep","1000"],"labels":{"a":"b"}})");
    post("/containers/" + name + "/start", "");
    const auto all = podman_.list();
    for (const ObservedContainer& container : *all)
      if (container.name == name) return container.id;
    return {};
  }
  void pause(const ContainerId& id) override { post("/containers/" + id.str() + "/pause", ""); }
  // Podman's own kill would wait until all is over.
  void kill(const ContainerId& id) override {
    const auto running = podman_.inspect(id);
    ASSERT_TRUE(running && running->pid > 0);
    ::kill(running->pid, SIGKILL);
  }
  ObservedContainer run_to_end(ContainerSpec spec, int code) override {
    spec.component.cmd = {"sh", "-c", "exit " + std::to_string(code)};
    const ContainerId id = *podman_.create(spec);
    static_cast<void>(podman_.start(id).has_value());
    return wait_until(podman_, id, [](const ObservedContainer& container) {
      return container.state == ContainerState::kExited;
    });
  }
  std::string unreachable_image() override { return "127.0.0.1:1/team/web:v1"; }
  std::string closed_image() override { return closed_.image(); }
  std::string missing_image() override { return missing_.image(); }
  void occupy_port(uint16_t port) override {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    ::listen(fd, 1);
    occupied_[port] = fd;
  }
  void free_port(uint16_t port) override {
    ::close(occupied_.at(port));
    occupied_.erase(port);
  }
  bool answers(uint16_t port) override { return http_answers(port); }
  void clear() override {
    const auto all = podman_.list();
    ASSERT_TRUE(all) << all.error().text();
    for (const ObservedContainer& container : *all) {
      const auto removed = podman_.remove(container.id);
      EXPECT_TRUE(removed) << removed.error().text();
    }
  }

 private:
  void post(const std::string& path, const std::string& json) {
    static_cast<void>(http_
                          .request({.method = "POST",
                                    .target = "/v4.0.0/libpod" + path,
                                    .body = json,
                                    .content_type = "application/json",
                                    .deadline = std::chrono::minutes(1)})
                          .has_value());
  }

  std::unique_ptr<PodmanFixture> fixture_;
  agent::Podman podman_;
  base::HttpClient http_;
  RefusingRegistry closed_{401};
  RefusingRegistry missing_{404};
  std::map<uint16_t, int> occupied_;
};

}  // namespace

std::unique_ptr<World> make_fake_world() {
  return std::make_unique<FakeWorld>();
}

base::Result<std::unique_ptr<World>> make_podman_world(bool rootless) {
  MCP_TRY(auto fixture, PodmanFixture::make(rootless));
  return std::unique_ptr<World>(std::make_unique<PodmanWorld>(std::move(fixture)));
}

ContainerSpec sleeper(const std::string& image, const std::string& service) {
  ContainerSpec spec;
  const reconciler::ComponentKey key{reconciler::ServiceName(service),
                                     reconciler::ComponentName("api")};
  spec.name = reconciler::container_name(key, reconciler::Slot::kFirst);
  spec.owner.key = key;
  spec.owner.node = reconciler::NodeName("rift");
  spec.owner.spec_hash = "0123abcd";
  spec.owner.revision = reconciler::Revision(std::string(40, 'a'));
  spec.owner.leases = {{"", 23456}, {"rest", 23457}};
  spec.component.name = key.component;
  spec.component.image = image;
  spec.component.cmd = {"sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"};
  return spec;
}

ContainerSpec web_server(const std::string& image, uint16_t port) {
  ContainerSpec spec = sleeper(image);
  spec.component.cmd = {"httpd", "-f", "-p", "80", "-h", "/etc"};
  spec.ports = {{"127.0.0.1", port, 80, "tcp"}};
  return spec;
}

bool http_answers(uint16_t port) {
  base::HttpClient client(base::HttpAddress::tcp("127.0.0.1", port));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    if (client.request({.deadline = Millis(1000)})) return true;
    std::this_thread::yield();
  }
  return false;
}

ObservedContainer wait_until(reconciler::Runtime& runtime, const ContainerId& id,
                             const std::function<bool(const ObservedContainer&)>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (true) {
    const auto now = runtime.inspect(id);
    if ((now && holds(*now)) || std::chrono::steady_clock::now() > end)
      return now ? *now : ObservedContainer();
    std::this_thread::yield();
  }
}

}  // namespace test
