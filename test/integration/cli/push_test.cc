#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/process/process.h"
#include "test/integration/cli/transfer_relay.h"
#include "test/support/agent_program.h"
#include "test/support/dialogue.h"
#include "test/support/git/git_repo.h"
#include "test/support/small_disk.h"
#include "test/support/temp_dir.h"

// `mcp push` and `mcp pull` of a large file, to and from the real mcp-agent, also when they end in
// the middle.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Way = TransferRelay::Way;
using End = TransferRelay::End;

constexpr size_t kLarge = 64 << 20;
constexpr size_t kMiddle = 20 << 20;

class Push : public testing::Test {
 protected:
  Push() {
    isolate_git(dir_ / "home");
    const GitRepo desired = GitRepo::init(dir_ / "desired");
    desired.change(
        "services/web.toml",
        "name = \"web\"\n[[components]]\nname = \"api\"\nimage = \"localhost/demo:v1\"\n", "start");
    agent_ = std::make_unique<AgentProgram>(dir_.path());
    std::ofstream(dir_ / "big.bin", std::ios::binary) << std::string(kLarge, 'n');
    fs::create_directories(dir_ / "data/web");
    put_the_old_file();
  }

  void put_the_old_file() const {
    std::ofstream(dir_ / "data/web/big.bin") << "old";
    fs::permissions(dir_ / "data/web/big.bin", fs::perms(0640));
  }

  base::Command command(const std::string& socket) const {
    return mcp(socket, {"push", dir_ / "big.bin", "web"});
  }

  base::Command mcp(const std::string& socket, std::vector<std::string> words) const {
    words.insert(words.begin(), MCP_BINARY_DIR "/bin/mcp");
    return {words,
            {{"MCP_AGENT", "unix://" + socket},
             {"MCP_REPO", ""},
             {"MCP_CONFIG", ""},
             {"XDG_CONFIG_HOME", dir_ / "config"},
             {"XDG_STATE_HOME", dir_ / "state"},
             {"XDG_CACHE_HOME", dir_ / "cache"},
             {"TERM", "xterm"}},
            dir_.path()};
  }

  std::vector<std::string> there() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_ / "data/web"))
      names.push_back(entry.path().filename());
    return names;
  }

  // The agent sees the end of a connection a moment after it.
  void expect_the_old_file_alone() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (there().size() > 1 && std::chrono::steady_clock::now() < end) ::poll(nullptr, 0, 20);
    EXPECT_THAT(there(), ElementsAre("big.bin"));
    EXPECT_EQ(read_file(dir_ / "data/web/big.bin"), "old");
    EXPECT_EQ(fs::status(dir_ / "data/web/big.bin").permissions(), fs::perms(0640));
  }

  void expect_that_it_works_now() const {
    const auto done = base::run_command(command(agent_->socket()), "", std::chrono::minutes(2));
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(done->exit_code, 0) << done->err;
    EXPECT_THAT(done->out, StartsWith("pushed web/big.bin to rift: 64.0 MiB, mode 644, sha-256 "));
    EXPECT_THAT(there(), ElementsAre("big.bin"));
    EXPECT_EQ(fs::file_size(dir_ / "data/web/big.bin"), kLarge);
    EXPECT_EQ(run({"cmp", dir_ / "big.bin", dir_ / "data/web/big.bin"}), "");
  }

  TempDir dir_;
  std::unique_ptr<AgentProgram> agent_;
};

TEST_F(Push, BrokenOffInTheMiddleTheOldFileStays) {
  for (const int signal : {SIGINT, SIGTERM}) {
    TransferRelay relay(dir_ / "relay.sock", agent_->socket(), Way::kUp, kMiddle, End::kHold);
    const std::string said = dir_ / ("said-" + std::to_string(signal));
    auto child = base::Child::spawn(command(relay.socket()), {.output_file = said});
    ASSERT_TRUE(child) << child.error().text();
    ASSERT_TRUE(relay.wait_reached()) << read_file(said);
    EXPECT_EQ(there().size(), 2u) << "beside the file is what has come of the next";
    // It stands still: nothing but the signal ends it.
    EXPECT_FALSE(child->wait(base::Millis(0)));
    ::kill(child->pid(), signal);
    EXPECT_EQ(child->wait(std::chrono::seconds(60)), 130);
    EXPECT_THAT(read_file(said),
                AllOf(StartsWith("error: the push was broken off at 2"),
                      HasSubstr(" MiB of 64.0 MiB: web/big.bin on rift stays as it was\n")));
    expect_the_old_file_alone();
  }
  expect_that_it_works_now();
}

TEST_F(Push, WhenTheConnectionIsCutTheOldFileStays) {
  {
    TransferRelay relay(dir_ / "relay.sock", agent_->socket(), Way::kUp, kMiddle, End::kCut);
    const auto done = base::run_command(command(relay.socket()), "", std::chrono::minutes(2));
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(done->exit_code, 7) << done->out;
    EXPECT_EQ(done->out, "");
    EXPECT_THAT(done->err, AllOf(StartsWith("error: cannot reach the agent of rift: PUT "
                                            "/v1/files/web/big.bin at "),
                                 HasSubstr(": the connection broke")));
  }
  expect_the_old_file_alone();
  expect_that_it_works_now();
}

TEST_F(Push, AFileThatShrinksOnTheWayIsNotSent) {
  TransferRelay relay(dir_ / "relay.sock", agent_->socket(), Way::kUp, kMiddle, End::kHold);
  auto child = base::Child::spawn(command(relay.socket()), {.output_file = dir_ / "said"});
  ASSERT_TRUE(child) << child.error().text();
  ASSERT_TRUE(relay.wait_reached()) << read_file(dir_ / "said");
  fs::resize_file(dir_ / "big.bin", kMiddle);
  relay.go_on();
  EXPECT_EQ(child->wait(std::chrono::seconds(60)), 1);
  EXPECT_EQ(read_file(dir_ / "said"),
            "error: " + (dir_ / "big.bin") + " became shorter (push it again)\n");
  expect_the_old_file_alone();
}

TEST_F(Push, ADiskThatFillsOnTheWayIsSaidAndTheOldFileStays) {
  if (::geteuid() != 0) GTEST_SKIP() << "SKIPPED: mount(8) takes root";
  const SmallDisk disk(dir_ / "data/web", 160);
  put_the_old_file();
  TransferRelay relay(dir_ / "relay.sock", agent_->socket(), Way::kUp, kMiddle, End::kHold);
  auto child = base::Child::spawn(command(relay.socket()), {.output_file = dir_ / "said"});
  ASSERT_TRUE(child) << child.error().text();
  ASSERT_TRUE(relay.wait_reached()) << read_file(dir_ / "said");
  disk.fill();
  relay.go_on();
  EXPECT_EQ(child->wait(std::chrono::seconds(60)), 1);
  EXPECT_EQ(read_file(dir_ / "said"),
            "error: cannot write web/big.bin: No space left on device (make room on the node)\n");
  disk.empty();
  expect_the_old_file_alone();
  expect_that_it_works_now();
}

TEST_F(Push, AByteThatIsAnotherOnTheWayIsNoticed) {
  {
    TransferRelay relay(dir_ / "relay.sock", agent_->socket(), Way::kUp, kMiddle, End::kSpoil);
    const auto done = base::run_command(command(relay.socket()), "", std::chrono::minutes(2));
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(done->exit_code, 3) << done->out;
    EXPECT_THAT(done->err,
                StartsWith("error: web/big.bin did not arrive as it was sent: 67108864 of 67108864 "
                           "bytes, sha-256 "));
  }
  expect_the_old_file_alone();
  expect_that_it_works_now();

  fs::create_directories(dir_ / "out");
  std::ofstream(dir_ / "out/big.bin") << "old";
  TransferRelay relay(dir_ / "relay.sock", agent_->socket(), Way::kDown, kMiddle, End::kSpoil);
  const auto done = base::run_command(mcp(relay.socket(), {"pull", "web", "big.bin", dir_ / "out"}),
                                      "", std::chrono::minutes(2));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->exit_code, 3) << done->out;
  EXPECT_THAT(done->err, HasSubstr("web/big.bin did not arrive as it was: "));
  EXPECT_EQ(read_file(dir_ / "out/big.bin"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_ / "out"), fs::directory_iterator()), 1);
}

TEST_F(Push, ProgressMovesOnATerminal) {
  TransferRelay relay(dir_ / "relay.sock", agent_->socket(), Way::kUp, kMiddle, End::kHold);
  const base::Command push = command(relay.socket());
  Dialogue terminal(push.argv, push.env);
  EXPECT_TRUE(terminal.see("web/big.bin  0 B of 64.0 MiB")) << terminal.screen();
  // ECMA-48: up over the one row, and everything below is erased.
  EXPECT_TRUE(terminal.see("\x1b[1A\r\x1b[J")) << terminal.screen();
  EXPECT_TRUE(terminal.see("web/big.bin  19.0 MiB of 64.0 MiB")) << terminal.screen();
  ASSERT_TRUE(relay.wait_reached());
  relay.go_on();
  EXPECT_TRUE(terminal.see("web/big.bin  63.0 MiB of 64.0 MiB")) << terminal.screen();
  EXPECT_TRUE(terminal.see("✓")) << terminal.screen();
  EXPECT_TRUE(terminal.see("web/big.bin  64.0 MiB\r\n")) << terminal.screen();
  EXPECT_TRUE(terminal.see("pushed web/big.bin to rift: 64.0 MiB")) << terminal.screen();
  EXPECT_EQ(terminal.end(), 0) << terminal.screen();
}

TEST_F(Push, CtrlCOnATerminalSaysHowFarItCame) {
  TransferRelay relay(dir_ / "relay.sock", agent_->socket(), Way::kUp, kMiddle, End::kHold);
  const base::Command push = command(relay.socket());
  Dialogue terminal(push.argv, push.env);
  ASSERT_TRUE(relay.wait_reached());
  terminal.type("\x03");
  EXPECT_TRUE(terminal.see("✗")) << terminal.screen();
  EXPECT_TRUE(terminal.see("the push was broken off at 2")) << terminal.screen();
  EXPECT_EQ(terminal.end(), 130) << terminal.screen();
  expect_the_old_file_alone();
}

TEST_F(Push, APullThatIsBrokenOffLeavesWhatWasThere) {
  fs::create_directories(dir_ / "out");
  std::ofstream(dir_ / "out/big.bin") << "old";
  fs::copy_file(dir_ / "big.bin", dir_ / "data/web/big.bin", fs::copy_options::overwrite_existing);
  const std::vector<std::string> words = {"pull", "web", "big.bin", dir_ / "out"};
  const auto files = [&] {
    return std::distance(fs::directory_iterator(dir_ / "out"), fs::directory_iterator());
  };
  for (const int signal : {SIGINT, SIGTERM}) {
    TransferRelay relay(dir_ / "relay.sock", agent_->socket(), Way::kDown, kMiddle, End::kHold);
    const std::string said = dir_ / ("said-" + std::to_string(signal));
    auto child = base::Child::spawn(mcp(relay.socket(), words), {.output_file = said});
    ASSERT_TRUE(child) << child.error().text();
    ASSERT_TRUE(relay.wait_reached()) << read_file(said);
    EXPECT_EQ(files(), 2) << "beside the file is what has come of the next";
    ::kill(child->pid(), signal);
    EXPECT_EQ(child->wait(std::chrono::seconds(60)), 130);
    EXPECT_THAT(read_file(said), StartsWith("error: the pull of web/big.bin was broken off at "));
    EXPECT_EQ(files(), 1);
    EXPECT_EQ(read_file(dir_ / "out/big.bin"), "old");
  }
  const auto done = base::run_command(mcp(agent_->socket(), words), "", std::chrono::minutes(2));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->exit_code, 0) << done->err;
  EXPECT_EQ(run({"cmp", dir_ / "big.bin", dir_ / "out/big.bin"}), "");
}

}  // namespace
}  // namespace test
