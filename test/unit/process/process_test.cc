#include "base/process/process.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "test/support/temp_dir.h"

namespace base {
namespace {

using testing::HasSubstr;

constexpr Millis kLong{20000};

Result<Finished> sh(const std::string& script, const std::string& input = {},
                    Millis deadline = kLong) {
  return run_command({.argv = {"sh", "-c", script}}, input, deadline);
}

bool alive(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

TEST(Process, GivesOutputErrorsAndExitCode) {
  const auto done = sh("cat; echo oops >&2; exit 3", "in\n");
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->out, "in\n");
  EXPECT_EQ(done->err, "oops\n");
  EXPECT_EQ(done->exit_code, 3);
  EXPECT_EQ(sh("kill -9 $$")->exit_code, 137);
}

TEST(Process, CarriesMoreThanAPipeHoldsBothWays) {
  const std::string big(3 << 20, 'x');
  EXPECT_EQ(sh("cat", big)->out, big);
  EXPECT_EQ(sh("exit 0", big)->exit_code, 0);  // reads nothing
  EXPECT_EQ(run_command({.argv = {"cat"}}, big, kLong, 10)->out, "xxxxxxxxxx");
}

TEST(Process, EnvironmentAndFolder) {
  const test::TempDir dir;
  ::setenv("MCP_TEST_GONE", "1", 1);
  const auto done = run_command({.argv = {"sh", "-c", "pwd; echo $A; echo ${MCP_TEST_GONE-unset}"},
                                 .env = {{"A", "b c"}, {"MCP_TEST_GONE", ""}},
                                 .folder = dir.path()},
                                "", kLong);
  EXPECT_EQ(done->out, dir.path() + "\nb c\nunset\n");
}

TEST(Process, WhatCannotRunSaysWhy) {
  EXPECT_EQ(run_command({.argv = {"no-such-program"}}, "", kLong).error().code, Code::kNotFound);
  EXPECT_EQ(run_command({.argv = {"/no/such"}}, "", kLong).error().code, Code::kNotFound);
  EXPECT_EQ(run_command({.argv = {"/etc/passwd"}}, "", kLong).error().code, Code::kDenied);
  EXPECT_EQ(run_command({.argv = {}}, "", kLong).error().code, Code::kNotFound);
  EXPECT_THAT(run_command({.argv = {"true"}, .folder = "/no/folder"}, "", kLong).error().message,
              HasSubstr("cannot run true"));
}

TEST(Process, ADeadlineKillsTheWholeGroup) {
  const test::TempDir dir;
  const auto late = sh("sleep 1000 & echo $! > " + dir / "pid" + "; wait", "", Millis(300));
  EXPECT_EQ(late.error().code, Code::kTimeout);
  pid_t pid = 0;
  std::ifstream(dir / "pid") >> pid;
  ASSERT_GT(pid, 0);
  // Nobody is left to reap it but init: a zombie counts as ended.
  std::string state;
  const auto ended = [&] {
    std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
    std::stringstream text;
    text << status.rdbuf();
    return text.str().empty() || text.str().find(") Z") != std::string::npos;
  };
  while (!ended()) std::this_thread::yield();
}

TEST(Process, ABackgroundProcessIsNotWaitedFor) {
  const auto done = sh("sleep 1000 & echo $!");
  ASSERT_TRUE(done);
  const pid_t pid = std::stoi(done->out);
  EXPECT_TRUE(alive(pid));
  ::kill(pid, SIGKILL);
}

TEST(Process, NoDescriptorLeaksIntoAProcess) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  EXPECT_EQ(run_command({.argv = {"sh", "-c", "ls /proc/self/fd | wc -l"}}, "", kLong)->out, "4\n");
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST(Process, AChildIsWaitedForTerminatedAndReaped) {
  auto child = Child::spawn({.argv = {"sleep", "1000"}}, {});
  ASSERT_TRUE(child) << child.error().text();
  EXPECT_TRUE(alive(child->pid()));
  EXPECT_EQ(child->wait(Millis(0)), std::nullopt);
  EXPECT_EQ(child->terminate(kLong), 143);
  EXPECT_FALSE(alive(child->pid()));
  EXPECT_EQ(child->terminate(kLong), 143);

  const test::TempDir dir;
  auto stubborn =
      Child::spawn({.argv = {"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done"}},
                   {.output_file = dir / "log"});
  std::string said;
  while (said.empty()) std::ifstream(dir / "log") >> said;
  EXPECT_EQ(stubborn->terminate(Millis(50)), 137);

  auto quick = Child::spawn({.argv = {"sh", "-c", "exit 7"}}, {});
  EXPECT_EQ(quick->wait(kLong), 7);
  EXPECT_EQ(quick->wait(kLong), 7);
  EXPECT_FALSE(Child::spawn({.argv = {"no-such-program"}}, {}));
}

TEST(Process, AChildCanDieWithItsThread) {
  std::optional<Child> child;
  std::thread([&] {
    child = *Child::spawn({.argv = {"sleep", "1000"}}, {.die_with_thread = true});
  }).join();
  EXPECT_EQ(child->wait(kLong), 137);
}

}  // namespace
}  // namespace base
