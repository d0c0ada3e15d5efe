#include "agent/files/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/core/text.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

class Files : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_ / "outside"); }

  base::Result<FileInfo> put(const std::string& path, const std::string& text,
                             DataFiles::Upload upload = {}) {
    upload.size = text.size();
    return files_.put("web", path, upload, [&](const auto& sink) { return sink(text); });
  }

  std::string get(const std::string& path) {
    const auto file = files_.get("web", path);
    if (!file) return file.error().text();
    std::string text;
    for (auto piece = (*file)->read(3); piece && !piece->empty(); piece = (*file)->read(3))
      text += *piece;
    return text;
  }

  std::string at(const std::string& path) { return root_ / ("srv/web/" + path); }

  std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::vector<std::string> names(const std::string& folder) {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder))
      out.push_back(entry.path().filename().string());
    return out;
  }

  void make_data() {
    fs::create_directories(root_ / "srv/web");
    std::ofstream(root_ / "outside/secret") << "secret";
  }

  const test::TempDir root_;
  const bool made_ = fs::create_directories(root_ / "srv");
  const DataFiles files_{root_ / "srv", 1000};
};

TEST_F(Files, WhatIsPutIsGot) {
  const auto info = put("a/b/app.toml", "port = 1\n", {.mode = 0640});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->size, 9u);
  EXPECT_EQ(info->mode, 0640u);
  EXPECT_EQ(info->sha256, base::sha256_hex("port = 1\n"));
  EXPECT_EQ(get("a/b/app.toml"), "port = 1\n");
  EXPECT_EQ(content(at("a/b/app.toml")), "port = 1\n");
  EXPECT_THAT(names(at("a/b")), testing::ElementsAre("app.toml"));
  EXPECT_TRUE(put("empty", ""));
  EXPECT_EQ(get("empty"), "");
}

TEST_F(Files, AReplacedFileKeepsItsModeAndOwner) {
  ASSERT_TRUE(put("f", "one"));
  ASSERT_EQ(::chmod(at("f").c_str(), 0600), 0);
  const bool root = ::geteuid() == 0;
  ASSERT_TRUE(!root || ::chown(at("f").c_str(), 1234, 4321) == 0);
  ASSERT_TRUE(put("f", "two"));
  struct stat info{};
  ASSERT_EQ(::stat(at("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  if (root) {
    EXPECT_EQ(info.st_uid, 1234u);
    EXPECT_EQ(info.st_gid, 4321u);
  }
}

// It may be readable for its owner alone.
TEST_F(Files, AFileIsNotTakenFromItsOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_TRUE(put("f", "one"));
  ASSERT_EQ(::chown(at("f").c_str(), 1234, 4321), 0);
  for (const std::string& folder : {root_.path(), at("")})
    ASSERT_EQ(::chown(folder.c_str(), 65534, 65534), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  const auto refused = put("f", "two");
  const auto another = put("g", "three");
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kDenied);
  EXPECT_THAT(refused.error().text(), HasSubstr("it belongs to 1234:4321 on the node"));
  EXPECT_THAT(refused.error().text(), HasSubstr("podman unshare cp"));
  EXPECT_EQ(content(at("f")), "one");
  EXPECT_TRUE(another) << another.error().text();
  EXPECT_THAT(names(at("")), testing::UnorderedElementsAre("f", "g"));
}

TEST_F(Files, WhatIsNewBelongsToWhomItsFolderBelongs) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  make_data();
  ASSERT_EQ(::chown(at("").c_str(), 1234, 4321), 0);
  ASSERT_TRUE(put("sub/f", "x"));
  for (const char* path : {"sub", "sub/f"}) {
    struct stat info{};
    ASSERT_EQ(::stat(at(path).c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 1234u) << path;
    EXPECT_EQ(info.st_gid, 4321u) << path;
  }
}

TEST_F(Files, PathsThatAreNoneAreRefused) {
  for (const std::string path :
       {"", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "./a", "a/.", "a/..", "/", "a/"}) {
    for (const auto& error : {put(path, "x").error(), files_.get("web", path).error()})
      EXPECT_EQ(error.code, base::Code::kInvalid) << path << ": " << error.text();
  }
  const std::string nul("a\0b", 3);
  EXPECT_EQ(put(nul, "x").error().code, base::Code::kInvalid);
  EXPECT_EQ(put(std::string(300, 'x'), "x").error().code, base::Code::kInvalid);
}

TEST_F(Files, NoSymbolicLinkLeadsOut) {
  make_data();
  fs::create_directory_symlink(root_ / "outside", at("folder"));
  fs::create_symlink(root_ / "outside/secret", at("file"));
  fs::create_directory_symlink("../../outside", at("relative"));
  fs::create_directory_symlink("/proc/self/root", at("magic"));
  for (const char* path : {"folder/secret", "file", "relative/secret", "magic/etc/passwd"})
    EXPECT_THAT(get(path), HasSubstr("leads out")) << path;
  for (const char* path : {"folder/secret", "relative/new", "magic/tmp/new"})
    EXPECT_EQ(put(path, "mine").error().code, base::Code::kDenied) << path;
  // A link that is the file itself is not followed either.
  EXPECT_EQ(put("file", "mine").error().code, base::Code::kConflict);
  EXPECT_EQ(content(root_ / "outside/secret"), "secret");
  EXPECT_THAT(names(root_ / "outside"), testing::ElementsAre("secret"));
}

TEST_F(Files, TheServicesFolderItselfMayBeNoLinkOut) {
  make_data();
  fs::remove_all(at(""));
  fs::create_directory_symlink(root_ / "outside", root_ / "srv/web");
  EXPECT_FALSE(put("new", "mine"));
  EXPECT_THAT(get("secret"), HasSubstr("leads out"));
  EXPECT_THAT(names(root_ / "outside"), testing::ElementsAre("secret"));
}

// A container swaps a folder and a link while files are put: never is one written outside.
TEST_F(Files, ARaceWithALinkDoesNotLeadOut) {
  make_data();
  fs::create_directories(at("a"));
  fs::create_directory_symlink(root_ / "outside", at("b"));
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    while (!stop)
      ::syscall(SYS_renameat2, AT_FDCWD, at("a").c_str(), AT_FDCWD, at("b").c_str(),
                2 /* RENAME_EXCHANGE */);
  });
  int done = 0;
  for (int i = 0; i < 2000; ++i) done += put("a/f", "x").has_value();
  stop = true;
  swapper.join();
  EXPECT_GT(done, 0);
  EXPECT_THAT(names(root_ / "outside"), testing::ElementsAre("secret"));
}

TEST_F(Files, ATransferThatDoesNotEndLeavesTheOldFile) {
  ASSERT_TRUE(put("f", "old"));
  const auto cut = files_.put("web", "f", {.size = 100}, [](const auto& sink) -> base::Result<> {
    MCP_CHECK(sink("half"));
    return base::invalid("the body is cut off");
  });
  EXPECT_THAT(cut.error().text(), HasSubstr("cut off"));
  EXPECT_FALSE(put("f", "other", {.sha256 = base::sha256_hex("else")}));
  const auto less =
      files_.put("web", "f", {.size = 100}, [](const auto& sink) { return sink("less"); });
  EXPECT_THAT(less.error().text(), HasSubstr("did not arrive"));
  const auto more =
      files_.put("web", "f", {.size = 2}, [](const auto& sink) { return sink("more"); });
  EXPECT_THAT(more.error().text(), HasSubstr("more bytes"));
  EXPECT_EQ(get("f"), "old");
  EXPECT_THAT(names(at("")), testing::ElementsAre("f"));
}

TEST_F(Files, WhatACrashLeftIsTakenUp) {
  make_data();
  std::ofstream(at(".f.mcp-push")) << "half of something longer";
  ASSERT_TRUE(put("f", "new"));
  EXPECT_EQ(get("f"), "new");
  EXPECT_THAT(names(at("")), testing::ElementsAre("f"));
}

TEST_F(Files, ADraftThatIsAnotherFileIsNotWrittenTo) {
  make_data();
  fs::create_hard_link(root_ / "outside/secret", at(".f.mcp-push"));
  EXPECT_EQ(put("f", "mine").error().code, base::Code::kConflict);
  EXPECT_EQ(content(root_ / "outside/secret"), "secret");
  EXPECT_TRUE(fs::exists(at(".f.mcp-push")));
}

TEST_F(Files, OnePushOfAFileAtATime) {
  const auto outer = files_.put("web", "f", {.size = 1}, [&](const auto& sink) -> base::Result<> {
    EXPECT_THAT(put("f", "inner").error().text(), HasSubstr("another push"));
    EXPECT_TRUE(put("g", "other"));
    return sink("x");
  });
  ASSERT_TRUE(outer) << outer.error().text();
  EXPECT_EQ(get("f"), "x");
}

TEST_F(Files, WhatIsNoRegularFileIsLeftAlone) {
  make_data();
  fs::create_directories(at("folder"));
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  EXPECT_THAT(get("folder"), HasSubstr("is a folder"));
  EXPECT_THAT(get("fifo"), HasSubstr("not a regular file"));
  EXPECT_EQ(put("folder", "x").error().code, base::Code::kConflict);
  EXPECT_EQ(put("fifo", "x").error().code, base::Code::kConflict);
}

TEST_F(Files, LimitsAreSaid) {
  const auto large = put("f", std::string(1001, 'x'));
  EXPECT_EQ(large.error().code, base::Code::kExhausted);
  EXPECT_THAT(large.error().text(), HasSubstr("at most 1000"));
  const DataFiles generous(root_ / "srv", UINT64_MAX);
  const auto huge = generous.put("web", "f", {.size = uint64_t{1} << 60}, [](const auto&) {
    ADD_FAILURE() << "nothing is to be read";
    return base::Result<>();
  });
  EXPECT_EQ(huge.error().code, base::Code::kExhausted);
  EXPECT_THAT(huge.error().text(), HasSubstr("no space"));
}

TEST_F(Files, AMissingFileOrRootIsSaid) {
  EXPECT_THAT(get("nothing"), HasSubstr("No such file"));
  const DataFiles nowhere(root_ / "nowhere", 1000);
  EXPECT_THAT(nowhere.get("web", "f").error().text(), HasSubstr("[data] root"));
}

}  // namespace
}  // namespace agent
