#include "controller/cli/tree.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "controller/cli/file.h"
#include "controller/cli/templates.h"

namespace controller {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Folder : public testing::Test {
 protected:
  Folder() {
    std::string name = (fs::temp_directory_path() / "mcp-tree-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~Folder() override { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    ASSERT_TRUE(write_file(root_ / path, text));
  }
  fs::path root_;
};

constexpr char kService[] =
    "name = \"web\"\n[[components]]\nname = \"api\"\nimage = \"r/web:v1\"\n";

TEST_F(Folder, WhatInitWritesIsValid) {
  for (const Template& one : repository_templates()) write(one.path, std::string(one.text));
  const auto checked = check_folder(root_);
  ASSERT_TRUE(checked);
  for (const auto& problem : checked->problems) ADD_FAILURE() << problem.text();
  EXPECT_EQ(checked->files, 2U);
  EXPECT_EQ(checked->services, 1U);
}

TEST_F(Folder, FindsEveryProblemOnce) {
  write("services/web.toml", kService);
  write("services/bad.toml", "name = \"bad\"\nimag = 1\n");
  write("services/again.toml", kService);
  write("README.md", "not a definition");
  fs::create_symlink("web.toml", root_ / "services/link.toml");
  write("services/large.toml", std::string(crds::kMaxDefinitionBytes + 1, '#'));
  const auto checked = check_folder(root_);
  ASSERT_TRUE(checked);
  std::vector<std::string> texts;
  for (const auto& problem : checked->problems) texts.push_back(problem.text());
  EXPECT_THAT(texts, testing::Contains(HasSubstr("services/bad.toml:2:1")));
  EXPECT_THAT(texts, testing::Contains(HasSubstr("services/link.toml: is a symbolic link")));
  EXPECT_THAT(texts, testing::Contains(HasSubstr("services/large.toml: has ")));
  EXPECT_THAT(texts, testing::Contains(HasSubstr("services/again.toml:1:")));
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), texts.size());
}

TEST_F(Folder, ACommitIsReadFromABareRepository) {
  write("services/web.toml", kService);
  write("services/bad.toml", "name = \"bad\"\nimag = 1\n");
  fs::create_symlink("web.toml", root_ / "services/link.toml");
  const std::string git = "git -C '" + root_.string() + "' ";
  ASSERT_EQ(std::system((git + "init -q && " + git + "add -A && " + git +
                         "-c user.name=t -c user.email=t@t commit -q -m x")
                            .c_str()),
            0);
  const auto checked = check_commit((root_ / ".git").string(), "HEAD");
  ASSERT_TRUE(checked) << checked.error().text();
  EXPECT_EQ(checked->files, 2U);
  EXPECT_EQ(checked->services, 1U);
  ASSERT_FALSE(checked->problems.empty());
  EXPECT_THAT(checked->problems[0].text(), HasSubstr("services/bad.toml:"));
  const auto none = check_commit((root_ / ".git").string(), "no-such-commit");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no-such-commit"));
}

TEST_F(Folder, AMissingFolderIsAnError) {
  EXPECT_FALSE(check_folder(root_ / "missing"));
}

}  // namespace
}  // namespace controller
