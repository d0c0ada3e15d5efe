#include "controller/cli/token.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "test/support/temp_dir.h"

namespace controller {
namespace {

namespace fs = std::filesystem;

struct Token : testing::Test {
  test::TempDir dir;
  Environment environment{
      .home = dir.path(), .config_home = dir / "config", .directory = dir.path()};
  Config config;
};

TEST_F(Token, IsTheVariableElseTheFile) {
  EXPECT_EQ(current_token(environment, config), "");
  ASSERT_TRUE(store_token(token_path(environment, config), "from.the.file"));
  EXPECT_EQ(token_path(environment, config), dir / "config/mcp/token");
  EXPECT_EQ(current_token(environment, config), "from.the.file");
  config.auth.token_path = dir / "other";
  EXPECT_EQ(current_token(environment, config), "");
  environment.token = " from.the.variable\n";
  EXPECT_EQ(current_token(environment, config), "from.the.variable");
}

// It becomes a line of a request.
TEST_F(Token, WhatCannotBeOneIsNone) {
  for (const std::string text : {"a b", "a\r\nHost: evil", "a\nb", "t\xc3\xb6ken", "  ", ""}) {
    environment.token = text;
    EXPECT_EQ(current_token(environment, config), "") << text;
  }
}

TEST_F(Token, IsKeptForItsOwnerAlone) {
  const fs::path path = dir / "deep/er/token";
  const auto mode = [](const fs::path& file) {
    struct stat info{};
    ::stat(file.c_str(), &info);
    return info.st_mode & 07777;
  };
  const mode_t before = ::umask(0);
  ASSERT_TRUE(store_token(path, "one"));
  ::umask(before);
  EXPECT_EQ(mode(path), 0600U);
  EXPECT_EQ(mode(path.parent_path()), 0700U);
  fs::permissions(path, fs::perms(0666));
  ASSERT_TRUE(store_token(path, "two"));
  EXPECT_EQ(mode(path), 0600U);
  EXPECT_EQ(std::distance(fs::directory_iterator(path.parent_path()), fs::directory_iterator()), 1)
      << "no draft is left";
}

TEST_F(Token, ALinkThatWaitsThereIsReplacedNotFollowed) {
  std::ofstream(dir / "victim") << "old";
  fs::create_symlink(dir / "victim", dir / "token");
  ASSERT_TRUE(store_token(dir / "token", "secret"));
  EXPECT_FALSE(fs::is_symlink(dir / "token"));
  std::string text;
  std::ifstream(dir / "victim") >> text;
  EXPECT_EQ(text, "old");
}

TEST_F(Token, AFolderInItsPlaceIsAnError) {
  fs::create_directories(dir / "token/x");
  EXPECT_FALSE(store_token(dir / "token", "secret"));
  EXPECT_FALSE(fs::exists(dir / "token.new"));
}

}  // namespace
}  // namespace controller
