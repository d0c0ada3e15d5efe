#include "agent/runtime/podman.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "agent/probe/probe.h"
#include "agent/runtime/service.h"
#include "base/http/client.h"
#include "test/contract/runtime/world.h"
#include "test/support/temp_dir.h"

// What podman alone has, and what happens when it goes away.
namespace test {
namespace {

using agent::LogOptions;
using agent::Podman;
using base::Code;
using base::Millis;
using reconciler::ContainerId;
using reconciler::ContainerSpec;
using reconciler::ContainerState;
using reconciler::ObservedContainer;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Millis kSoon{2000};

class RealPodman : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto made = PodmanFixture::make();
    if (made)
      fixture_ = std::move(*made);
    else
      why_not_ = made.error().text();
  }
  static void TearDownTestSuite() { fixture_.reset(); }
  void SetUp() override {
    if (!fixture_) GTEST_SKIP() << "SKIPPED: rootful podman: " << why_not_;
    podman_ = std::make_unique<Podman>(options());
  }
  void TearDown() override {
    if (!podman_) return;
    const auto all = Podman(options()).list();
    ASSERT_TRUE(all) << all.error().text();
    for (const ObservedContainer& container : *all) EXPECT_TRUE(podman_->remove(container.id));
  }
  static agent::PodmanOptions options() {
    return {.socket = fixture_->socket(), .auth_file = {}, .runtime_folder = {}};
  }
  ContainerSpec spec(std::vector<std::string> cmd, const std::string& service = "web") {
    ContainerSpec spec = sleeper(PodmanFixture::kDemoImage, service);
    if (!cmd.empty()) spec.component.cmd = std::move(cmd);
    return spec;
  }
  ContainerId start(const ContainerSpec& spec) {
    const auto id = podman_->create(spec);
    EXPECT_TRUE(id) << id.error().text();
    if (!id) return {};
    const auto started = podman_->start(*id);
    EXPECT_TRUE(started) << started.error().text();
    return *id;
  }
  // All that a container says until it ends.
  std::string output(const ContainerSpec& spec) { return log(start(spec), {.follow = true}); }
  std::string log(const ContainerId& id, const LogOptions& options) {
    std::string text;
    const auto read = podman_->logs(id, options, [&](std::string_view piece) {
      text += piece;
      return true;
    });
    EXPECT_TRUE(read) << read.error().text();
    return text;
  }

  static inline std::unique_ptr<PodmanFixture> fixture_;
  static inline std::string why_not_;
  std::unique_ptr<Podman> podman_;
};

// A neighbour with the folder around it has put a link there.
TEST_F(RealPodman, AVolumeThatBecameALinkIsAskedForAgain) {
  namespace fs = std::filesystem;
  const TempDir dir;
  fs::create_directories(dir / "data");
  auto careful = options();
  std::vector<std::string> asked;
  careful.may_mount = [&](const std::string& path) -> base::Result<> {
    asked.push_back(path);
    return base::make_error(Code::kDenied, "not there");
  };
  ContainerSpec wanted = spec({"sleep", "1000"});
  wanted.component.volumes = {{dir / "data", "/data", {}}};
  const ContainerId id = podman_->create(wanted).value();
  Podman podman(careful);
  ASSERT_TRUE(podman.start(id)) << "it leads where it led";
  EXPECT_THAT(asked, ElementsAre());
  ASSERT_TRUE(podman.stop(id, Millis(0)));
  fs::remove(dir / "data");
  fs::create_directory_symlink("/", dir / "data");
  EXPECT_EQ(podman.start(id).error().code, Code::kDenied);
  EXPECT_THAT(asked, ElementsAre(std::string(dir / "data")));
  EXPECT_EQ(podman.inspect(id)->state, ContainerState::kExited);
}

// What is known of a container must not depend on how it was asked for.
TEST_F(RealPodman, AListAndAnInspectionSayTheSame) {
  const TempDir dir;
  const std::string image = PodmanFixture::kDemoImage;
  std::ofstream(dir / "pod.yaml")
      << "apiVersion: v1\nkind: Pod\nmetadata: {name: blog}\nspec:\n  containers:\n"
         "  - name: app\n    image: "
      << image
      << "\n    args: [sleep, '1000']\n"
         "    ports: [{containerPort: 80, hostPort: 18486, hostIP: 127.0.0.1}]\n";
  const std::vector<std::vector<std::string>> made_by = {
      {"kube", "play", dir / "pod.yaml"},
      {"run", "-d", "-p", "18487:80", "-p", "127.0.0.1:18490-18492:90-92/udp", image, "sleep",
       "1000"},
      {"run", "-d", "--network", "host", image, "sleep", "1000"},
      {"run", "-d", "--name", "paused", "--label", "a=b", image, "sleep", "1000"},
      {"pause", "paused"},
      {"run", "--name", "ended", image, "true"},
      {"run", "-d", "--name", "killed", image, "sleep", "1000"},
      {"kill", "killed"},
      {"wait", "killed"},
      {"create", "-p", "18493:80", image, "true"}};
  for (const auto& command : made_by) {
    const auto ran = fixture_->podman(command);
    ASSERT_TRUE(ran && ran->ok()) << command.front() << ": " << ran->err;
  }
  static_cast<void>(start(spec({"sleep", "1000"})));
  const auto all = podman_->list();
  ASSERT_TRUE(all) << all.error().text();
  EXPECT_EQ(all->size(), 9u);
  for (const ObservedContainer& listed : *all) {
    const auto inspected = podman_->inspect(listed.id);
    ASSERT_TRUE(inspected) << inspected.error().text();
    EXPECT_TRUE(*inspected == listed) << listed.name;
  }
  ASSERT_TRUE(fixture_->podman({"pod", "rm", "--force", "--time", "0", "blog"})->ok());
}

// Two seconds to end: enough of four, and not of one.
TEST_F(RealPodman, AStopTakesTheTimeThatItIsGivenOrTheContainersOwn) {
  const struct {
    Millis own;
    std::optional<Millis> given;
    int exit_code;
  } cases[] = {{Millis(1000), Millis(4000), 7},
               {Millis(4000), Millis(1000), 137},
               {Millis(4000), std::nullopt, 7},
               {Millis(1000), std::nullopt, 137}};
  for (const auto& one : cases) {
    ContainerSpec wanted =
        spec({"sh", "-c", "trap 'sleep 2; exit 7' TERM; echo set; sleep 1000 & wait"});
    wanted.component.stop_timeout = one.own;
    const ContainerId id = start(wanted);
    wait_until(*podman_, id,
               [&](const ObservedContainer&) { return podman_->last_lines(id, 1)->size() == 1; });
    ASSERT_TRUE(podman_->stop(id, one.given));
    EXPECT_EQ(podman_->inspect(id)->exit_code, one.exit_code);
    ASSERT_TRUE(podman_->remove(id));
  }
}

TEST_F(RealPodman, TheProcessGetsWhatTheDefinitionSays) {
  const TempDir dir;
  std::ofstream(dir / "file") << "from the host\n";
  ContainerSpec wanted = spec({"sh", "-c",
                               "id -u; id -g; echo $A $PW; cat /data/file /run/pw; echo;"
                               "touch /data/x 2>/dev/null || echo read-only;"
                               "cat /sys/fs/cgroup/memory/memory.limit_in_bytes "
                               "/sys/fs/cgroup/memory.max 2>/dev/null;"
                               "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us "
                               "/sys/fs/cgroup/cpu.max 2>/dev/null | cut -d' ' -f1"});
  wanted.env = {{"A", "a b"}};
  wanted.component.user = "65534:65533";
  wanted.component.memory_bytes = 64 << 20;
  wanted.component.cpus = 0.5;
  wanted.component.volumes = {{dir.path(), "/data", {"ro"}}, {"cache", "/cache", {}}};
  wanted.component.secrets = {{"pw", "env:PW"}, {"pw-file", "/run/pw"}};

  const auto missing = podman_->create(wanted);
  EXPECT_EQ(missing.error().code, Code::kInvalid);
  EXPECT_THAT(missing.error().hint, HasSubstr("podman secret create"));

  std::ofstream(dir / "secret") << "sekrit";
  for (const char* name : {"pw", "pw-file"})
    ASSERT_TRUE(fixture_->podman({"secret", "create", name, dir / "secret"})->ok());
  // The file belongs to root with mode 0400, as the process of this one does not.
  wanted.component.user = "0:65533";
  EXPECT_EQ(output(wanted),
            "0\n65533\na b sekrit\nfrom the host\nsekrit\nread-only\n67108864\n50000\n");
  EXPECT_TRUE(fixture_->podman({"volume", "exists", "cache"})->ok());
  for (const char* name : {"pw", "pw-file"})
    EXPECT_TRUE(fixture_->podman({"secret", "rm", name})->ok());
}

TEST_F(RealPodman, RightsAndDevicesAreWhatTheDefinitionAsksFor) {
  int made = 0;
  const auto rights = [&](const std::function<void(crds::Component&)>& change) {
    ContainerSpec wanted = spec({"sh", "-c",
                                 "sed -n 's/^CapEff:[^0-9a-f]*//p' /proc/self/status;"
                                 "ls /dev/spare 2>/dev/null || echo no device"},
                                "rights" + std::to_string(made++));
    change(wanted.component);
    return output(wanted);
  };
  const auto bits = [](const std::string& text) { return std::stoull(text, nullptr, 16); };
  constexpr uint64_t kNetAdmin = 1 << 12, kChown = 1 << 0;  // capability.h
  const std::string usual = rights([](crds::Component&) {});
  EXPECT_THAT(usual, HasSubstr("no device"));
  EXPECT_EQ(bits(usual) & kNetAdmin, 0u);
  EXPECT_NE(bits(usual) & kChown, 0u);
  const std::string changed = rights([](crds::Component& component) {
    component.cap_add = {"NET_ADMIN"};
    component.cap_drop = {"CHOWN"};
    component.devices = {{"/dev/null", "/dev/spare", "r"}};
  });
  EXPECT_THAT(changed, HasSubstr("/dev/spare"));
  EXPECT_NE(bits(changed) & kNetAdmin, 0u);
  EXPECT_EQ(bits(changed) & kChown, 0u);
  const std::string all = rights([](crds::Component& component) { component.privileged = true; });
  EXPECT_NE(bits(all) & kNetAdmin, 0u);
}

TEST_F(RealPodman, ANetworkIsMadeAndNamesResolveOnIt) {
  ContainerSpec server = spec({"httpd", "-f", "-p", "8080", "-h", "/etc"}, "db");
  server.component.network = "testnet";
  server.aliases = {"main", "db"};
  start(server);
  // The name server is asked directly: a static busybox cannot resolve names otherwise.
  ContainerSpec client = spec({"sh", "-c", "nslookup -type=a main | sed -n 's/^Address: //p'"});
  client.component.network = "testnet";
  EXPECT_THAT(output(client), testing::MatchesRegex("10\\.[0-9.]+\n"));
  ContainerSpec host = spec({"sh", "-c", "ls /sys/class/net | wc -l"}, "host");
  host.component.network = "host";
  EXPECT_NE(output(host), "2\n");
}

TEST_F(RealPodman, TheLogIsReadInWholeLines) {
  const ContainerId id =
      start(spec({"sh", "-c", "printf 'one\\ntw'; printf 'o\\n'; echo three >&2; printf end"}));
  EXPECT_THAT(log(id, {.follow = true}), HasSubstr("one\ntwo\n"));
  EXPECT_THAT(log(id, {}), HasSubstr("three\n"));
  EXPECT_EQ(log(id, {.since = base::TimePoint(std::chrono::hours(24 * 365 * 1000))}), "");
  int calls = 0;
  EXPECT_TRUE(podman_->logs(id, {}, [&](std::string_view) { return ++calls < 1; }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(
      podman_->logs(ContainerId("nobody"), {}, [](std::string_view) { return true; }).error().code,
      Code::kNotFound);
}

TEST_F(RealPodman, TheTailOfALogIsSoManyLines) {
  const ContainerId id = start(spec({"sh", "-c", "echo one; echo two; echo three"}));
  EXPECT_EQ(log(id, {.follow = true}), "one\ntwo\nthree\n");
  EXPECT_EQ(log(id, {.tail = 2}), "two\nthree\n");
  EXPECT_EQ(log(id, {.tail = 0}), "");
}

TEST_F(RealPodman, TheLastLinesOfOneThatEndedAreKept) {
  const auto ended = [&](const std::string& service, const std::string& script) {
    const ContainerId id = start(spec({"sh", "-c", script}, service));
    wait_until(*podman_, id,
               [](const ObservedContainer& now) { return now.state == ContainerState::kExited; });
    return id;
  };
  const ContainerId id =
      ended("web", "for i in $(seq 200); do echo $i; done; echo cannot open /data >&2; exit 3");
  const auto last = podman_->last_lines(id, 3);
  ASSERT_TRUE(last) << last.error().text();
  EXPECT_THAT(*last, testing::UnorderedElementsAre("199", "200", "cannot open /data"));
  EXPECT_EQ(podman_->last_lines(id, 0)->size(), 1u);
  EXPECT_EQ(podman_->last_lines(id, 100000)->size(), 100u);
  EXPECT_THAT(*podman_->last_lines(ended("abrupt", "printf 'gone\\377'"), 3), ElementsAre("gone?"));

  // Of one that runs and is silent: what there is, at once.
  EXPECT_THAT(*podman_->last_lines(start(spec({}, "silent")), 10), testing::IsEmpty());
  EXPECT_EQ(podman_->last_lines(ContainerId("nobody"), 10).error().code, Code::kNotFound);
}

TEST_F(RealPodman, FollowingASilentLogCanBeEnded) {
  const ContainerId id = start(spec({}));
  EXPECT_TRUE(
      podman_->logs(id, {.follow = true}, [](std::string_view piece) { return !piece.empty(); }));
}

TEST_F(RealPodman, HealthCommandsAreRunOnDemand) {
  agent::ContainerProber prober(*podman_);
  ContainerSpec wanted = spec({});
  wanted.component.health = crds::Health{};
  wanted.component.health->check =
      crds::CmdCheck{{"sh", "-c", "test -e /tmp/ready || { echo not yet; exit 3; }"}};
  const ContainerId id = start(wanted);
  reconciler::Probe probe;
  probe.container = id;
  probe.health = *wanted.component.health;
  const auto refused = prober.probe(probe);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("not yet"));
  ASSERT_TRUE(fixture_->podman({"exec", id.str(), "touch", "/tmp/ready"})->ok());
  const auto passed = prober.probe(probe);
  EXPECT_TRUE(passed) << passed.error().text();
  ASSERT_TRUE(podman_->stop(id, kSoon));
  EXPECT_FALSE(prober.probe(probe));
}

// Counts hints, and waits for the next.
class Hints {
 public:
  Podman::Hint hint() {
    return [this](const auto& id) {
      const std::lock_guard lock(mutex_);
      ++count_;
      if (id) told_.insert(*id);
      changed_.notify_all();
    };
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  bool more_than(int before) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return count_ > before; });
  }
  bool tell_of(const ContainerId& id) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return told_.erase(id) > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  std::set<ContainerId> told_;
};

TEST_F(RealPodman, EventsAreHintedAndSurviveARestartOfTheService) {
  Hints hints;
  podman_->watch(hints.hint());
  ASSERT_TRUE(hints.more_than(0));  // the stream is open
  const ContainerId id = start(spec({}));
  ASSERT_TRUE(hints.tell_of(id));
  fixture_->kill_service();
  EXPECT_EQ(podman_->list().error().code, Code::kUnavailable);
  const int before = hints.count();
  ASSERT_TRUE(fixture_->start_service());
  ASSERT_TRUE(hints.more_than(before));  // open again
  const auto still = podman_->inspect(id);
  ASSERT_TRUE(still) << still.error().text();
  EXPECT_EQ(still->state, ContainerState::kRunning);
  podman_->stop_watching();
  const int last = hints.count();
  ASSERT_TRUE(podman_->remove(id));
  EXPECT_EQ(hints.count(), last);
}

TEST_F(RealPodman, AServiceKilledInTheMiddleOfACallIsUnavailable) {
  const ContainerId id = start(spec({"sh", "-c", "trap '' TERM; while :; do sleep 1; done"}));
  base::Result<> stopped;
  std::jthread stopper([&] { stopped = podman_->stop(id, std::chrono::seconds(20)); });
  wait_until(*podman_, id, [](const ObservedContainer&) { return true; });
  fixture_->kill_service();
  stopper.join();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kUnavailable);
  ASSERT_TRUE(fixture_->start_service());
  const auto again = podman_->stop(id, Millis(0));
  EXPECT_TRUE(again) << again.error().text();
}

TEST_F(RealPodman, AServiceThatHangsIsATimeout) {
  agent::PodmanOptions hasty = options();
  hasty.deadlines.read = Millis(200);
  hasty.deadlines.ping = Millis(200);
  Podman known(hasty);
  ASSERT_TRUE(known.list());
  fixture_->freeze_service();
  EXPECT_EQ(known.list().error().code, Code::kTimeout);
  EXPECT_EQ(known.last_lines(ContainerId("any"), 1).error().code, Code::kTimeout);
  EXPECT_EQ(Podman(hasty).list().error().code, Code::kTimeout);
  fixture_->thaw_service();
  const auto back = known.list();
  EXPECT_TRUE(back) << back.error().text();
}

TEST_F(RealPodman, WhatIsNotPodmanIsNamed) {
  Podman nobody(
      {.socket = fixture_->folder() + "/none.sock", .auth_file = {}, .runtime_folder = {}});
  const auto missing = nobody.list();
  EXPECT_EQ(missing.error().code, Code::kUnavailable);
  EXPECT_THAT(missing.error().message, HasSubstr("none.sock: No such file"));
  EXPECT_FALSE(missing.error().hint.empty());
  EXPECT_THAT(*podman_->version(), testing::MatchesRegex("[4-9]\\..*"));
}

TEST_F(RealPodman, TheSocketOfTheUserIsFoundAndThatOfTheSystem) {
  const TempDir dir;
  const auto offer_in = [&](const std::string& folder) {
    std::filesystem::create_directory(folder);
    std::filesystem::create_symlink(fixture_->socket(), folder + "/podman.sock");
  };
  const auto is_found = [&] {
    Podman podman({.socket = {}, .auth_file = {}, .runtime_folder = dir / "own"});
    const auto list = podman.list();
    EXPECT_TRUE(list) << list.error().text();
    EXPECT_FALSE(std::filesystem::exists(dir / "own")) << "a service of its own";
  };
  ::setenv("XDG_RUNTIME_DIR", std::string(dir / "").c_str(), 1);
  offer_in(dir / "podman");
  is_found();
  ::unsetenv("XDG_RUNTIME_DIR");
  // This thread alone has another /run.
  std::thread([&] {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("tmpfs", "/run", "tmpfs", 0, nullptr), 0);
    offer_in("/run/podman");
    is_found();
  }).join();
}

// Without a socket to be found, the agent runs podman's service itself.
class OwnService : public RealPodman {
 protected:
  void SetUp() override {
    if (!fixture_) GTEST_SKIP() << "SKIPPED: own podman service: " << why_not_;
    if (agent::answers("/run/podman/podman.sock"))
      GTEST_SKIP() << "SKIPPED: own podman service: this machine's podman answers";
    ::unsetenv("XDG_RUNTIME_DIR");
    ::setenv("CONTAINERS_CONF", (fixture_->folder() + "/containers.conf").c_str(), 1);
    ::setenv("CONTAINERS_STORAGE_CONF", (fixture_->folder() + "/storage.conf").c_str(), 1);
    podman_ = std::make_unique<Podman>(
        agent::PodmanOptions{.socket = {}, .auth_file = {}, .runtime_folder = dir_ / "run"});
  }
  std::string socket() const { return dir_ / "run/podman.sock"; }
  TempDir dir_;
};

pid_t listener_of(const std::string& socket) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    const std::string words{std::istreambuf_iterator<char>(file), {}};
    if (words.find("unix://" + socket) != std::string::npos)
      return std::atoi(entry.path().filename().c_str());
  }
  return 0;
}

TEST_F(OwnService, IsStartedRestartedAndEnded) {
  const auto version = podman_->version();
  ASSERT_TRUE(version) << version.error().text();
  const ContainerId id = start(spec({}));
  const pid_t first = listener_of(socket());
  ASSERT_GT(first, 0);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  const ObservedContainer again = wait_until(*podman_, id, [](const ObservedContainer& now) {
    return now.state == ContainerState::kRunning;
  });
  EXPECT_EQ(again.state, ContainerState::kRunning);
  EXPECT_NE(listener_of(socket()), first);
  podman_ = nullptr;
  EXPECT_EQ(listener_of(socket()), 0);
  EXPECT_FALSE(std::filesystem::exists(socket()));
  // The container does not depend on it.
  podman_ = std::make_unique<Podman>(options());
  EXPECT_EQ(podman_->inspect(id)->state, ContainerState::kRunning);
}

TEST_F(OwnService, ThatCannotStartSaysWhy) {
  ::setenv("CONTAINERS_CONF", "/no/such/containers.conf", 1);
  const auto refused = podman_->list();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().text(), HasSubstr("podman info"));
  podman_ = nullptr;
}

class RootlessPodman : public testing::Test {
 protected:
  void SetUp() override {
    auto made = PodmanFixture::make(true);
    if (!made) GTEST_SKIP() << "SKIPPED: rootless podman: " << made.error().text();
    fixture_ = std::move(*made);
  }
  std::unique_ptr<PodmanFixture> fixture_;
};

TEST_F(RootlessPodman, ALostCleanUpCostsNoPort) {
  Podman podman({.socket = fixture_->socket(),
                 .auth_file = {},
                 .runtime_folder = {},
                 .deadlines = {.clean_up = Millis(200)}});
  const auto id = podman.create(web_server(PodmanFixture::kDemoImage, 28416));
  ASSERT_TRUE(id) << id.error().text();
  const auto first = podman.start(*id);
  ASSERT_TRUE(first) << first.error().text();
  ASSERT_TRUE(http_answers(28416));
  // The service has read its configuration; the clean-up is a program of its own.
  const std::string config = fixture_->folder() + "/containers.conf";
  std::filesystem::rename(config, config + ".away");
  ASSERT_EQ(::kill(first->pid, SIGKILL), 0);
  wait_until(podman, *id,
             [](const ObservedContainer& now) { return now.state == ContainerState::kExited; });
  const auto again = podman.start(*id);
  std::filesystem::rename(config + ".away", config);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->state, ContainerState::kRunning);
  EXPECT_TRUE(http_answers(28416));
  EXPECT_TRUE(podman.remove(*id));
}

TEST_F(RootlessPodman, KeepsAllItsFilesInItsFolder) {
  base::HttpClient client(base::HttpAddress::unix_socket(fixture_->socket()));
  const auto info = client.request({.target = "/v4.0.0/libpod/info"});
  ASSERT_TRUE(info) << info.error().text();
  for (const char* key : {"graphRoot", "runRoot", "volumePath"})
    EXPECT_THAT(info->body,
                HasSubstr("\"" + std::string(key) + "\":\"" + fixture_->folder() + "/"));
  EXPECT_THAT(info->body, HasSubstr("\"graphRoot\":\"" + fixture_->folder() + "/data/"));
}

}  // namespace
}  // namespace test
