#include "crds/git/definitions.h"

#include <gtest/gtest.h>

#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

namespace crds {
namespace {

std::string service(int number, const std::string& version = "v1") {
  return "name = \"s" + std::to_string(number) + "\"\nversion = \"" + version +
         "\"\n[[components]]\nname = \"app\"\nimage = \"localhost/app\"\n";
}

TEST(Definitions, OnlyWhatHasChangedIsDecodedAgain) {
  const test::TempDir dir;
  test::isolate_git(dir / "home");
  const auto origin = test::GitRepo::init(dir / "origin");
  for (int i = 0; i < 100; ++i)
    origin.write("services/s" + std::to_string(i) + ".toml", service(i));
  origin.commit("many");
  DefinitionReader reader("");
  const auto decoded = [&] {
    const auto repository = base::git::Repository::open(origin.path());
    const auto read = reader.read(*repository, base::git::Oid(origin.head()));
    EXPECT_TRUE(read) << read.error().text();
    return reader.decoded();
  };
  EXPECT_EQ(decoded(), 100u);
  origin.change("services/s7.toml", service(7, "v2"));
  EXPECT_EQ(decoded(), 1u);
  EXPECT_EQ(reader.files().size(), 100u);
  EXPECT_EQ(reader.files().at("services/s7.toml").services.at(0).value.version, "v2");
  origin.change("README", "no definition");
  EXPECT_EQ(decoded(), 0u);
}

}  // namespace
}  // namespace crds
