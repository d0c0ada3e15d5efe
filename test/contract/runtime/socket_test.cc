#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "test/contract/runtime/world.h"
#include "test/support/temp_dir.h"

// Where podman is found when nobody says it.
namespace test {
namespace {

TEST(PodmanSocket, OfTheUserIsFoundAndNoServiceIsStarted) {
  const auto fixture = PodmanFixture::make();
  if (!fixture) GTEST_SKIP() << "SKIPPED: rootful podman: " << fixture.error().text();
  agent::Podman told({.socket = (*fixture)->socket()});
  const auto id = told.create(sleeper(PodmanFixture::kDemoImage));
  ASSERT_TRUE(id) << id.error().text();

  const TempDir dir;
  std::filesystem::create_directory(dir / "podman");
  std::filesystem::create_symlink((*fixture)->socket(), dir / "podman/podman.sock");
  ::setenv("XDG_RUNTIME_DIR", dir.path().c_str(), 1);
  agent::Podman found({.runtime_folder = dir / "run"});
  const auto container = found.inspect(*id);
  ::unsetenv("XDG_RUNTIME_DIR");
  ASSERT_TRUE(container) << container.error().text();
  EXPECT_EQ(container->name, sleeper(PodmanFixture::kDemoImage).name);
  EXPECT_FALSE(std::filesystem::exists(dir / "run"));
}

}  // namespace
}  // namespace test
