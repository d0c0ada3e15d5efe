// Pulls from a real registry by real podman: what comes, and what is said when it does not.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "agent/runtime/podman.h"
#include "test/integration/registry/docker_registry.h"
#include "test/support/podman_fixture.h"

namespace test {
namespace {

using agent::Podman;
using base::Code;
using testing::HasSubstr;

class Registry : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    files_ = std::make_unique<TempDir>();
    make_certificate(trusted());
    // Before podman's service reads it, once (Go's crypto/x509).
    ::setenv("SSL_CERT_FILE", trusted().c_str(), 1);
    auto made = PodmanFixture::make();
    if (made)
      podman_ = std::move(*made);
    else
      why_not_ = made.error().text();
  }
  static void TearDownTestSuite() {
    podman_.reset();
    files_.reset();
  }
  void SetUp() override {
    if (!podman_) GTEST_SKIP() << "SKIPPED: rootful podman: " << why_not_;
    std::ofstream(auth_file()) << "{}";
  }

  static std::string trusted() { return *files_ / "trusted.pem"; }
  static std::string auth_file() { return *files_ / "auth.json"; }
  static std::unique_ptr<Podman> runtime() {
    return std::make_unique<Podman>(agent::PodmanOptions{
        .socket = podman_->socket(), .auth_file = auth_file(), .runtime_folder = {}});
  }
  static void podman(const std::vector<std::string>& arguments) {
    const auto done = podman_->podman(arguments);
    ASSERT_TRUE(done && done->ok())
        << arguments[0] << ": " << (done ? done->err : done.error().text());
  }
  // The demo image, under that name in its registry and not in local storage.
  static std::string push(const std::string& image) {
    podman({"push", "-q", "--creds",
            std::string(DockerRegistry::kUser) + ":" + DockerRegistry::kPassword,
            PodmanFixture::kDemoImage, image});
    return image;
  }
  static void log_in(const std::string& host) {
    podman({"login", "--authfile", auth_file(), "-u", DockerRegistry::kUser, "-p",
            DockerRegistry::kPassword, host});
  }
  // As `podman login` writes it, which refuses a wrong password.
  static void store_wrong_password(const std::string& host) {
    std::ofstream(auth_file()) << R"({"auths":{")" << host << R"(":{"auth":"ZGVwbG95Ondyb25n"}}})";
  }
  static bool stored(const std::string& image) {
    return podman_->podman({"image", "exists", image})->ok();
  }
  static void expect_pulled(Podman& podman, const std::string& image) {
    const auto pulled = podman.pull(image);
    EXPECT_TRUE(pulled) << pulled.error().text();
    EXPECT_TRUE(stored(image));
  }
  static void expect_refused(Podman& podman, const std::string& image, Code code,
                             const std::string& hint) {
    const auto pulled = podman.pull(image);
    ASSERT_FALSE(pulled) << image;
    EXPECT_EQ(pulled.error().code, code) << pulled.error().text();
    EXPECT_THAT(pulled.error().message, HasSubstr("cannot pull " + image + ": "));
    EXPECT_THAT(pulled.error().hint, HasSubstr(hint)) << pulled.error().text();
    EXPECT_FALSE(stored(image));
  }

  static inline std::unique_ptr<TempDir> files_;
  static inline std::unique_ptr<PodmanFixture> podman_;
  static inline std::string why_not_;
};

TEST_F(Registry, WhatWasPulledRuns) {
  DockerRegistry registry({});
  const std::string image = push(registry.host() + "/team/web:v1");
  const auto runtime = Registry::runtime();
  ASSERT_FALSE(stored(image));
  expect_pulled(*runtime, image);
  reconciler::ContainerSpec spec;
  spec.name = "web.api";
  spec.component.image = image;
  spec.component.cmd = {"sleep", "1000"};
  const auto id = runtime->create(spec);
  ASSERT_TRUE(id) << id.error().text();
  const auto started = runtime->start(*id);
  ASSERT_TRUE(started) << started.error().text();
  EXPECT_EQ(started->image, image);
  EXPECT_TRUE(runtime->remove(*id));
  // What is here is not asked for again.
  registry.stop();
  expect_pulled(*runtime, image);
}

TEST_F(Registry, CredentialsAreReadAtEveryPull) {
  DockerRegistry registry({.login = true});
  const std::string image = push(registry.host() + "/team/web:v1");
  const auto runtime = Registry::runtime();
  const std::string hint = "podman login " + registry.host();
  expect_refused(*runtime, image, Code::kUnauthenticated, hint);
  store_wrong_password(registry.host());
  expect_refused(*runtime, image, Code::kUnauthenticated, hint);
  log_in(registry.host());
  expect_pulled(*runtime, image);
}

TEST_F(Registry, HttpsIsVerified) {
  DockerRegistry registry({.login = true, .certificate = trusted()});
  const std::string image = push(registry.strict_host() + "/team/web:v1");
  const auto runtime = Registry::runtime();
  store_wrong_password(registry.strict_host());
  expect_refused(*runtime, image, Code::kUnauthenticated, "podman login");
  log_in(registry.strict_host());
  expect_pulled(*runtime, image);

  const std::string stranger = *files_ / "stranger.pem";
  make_certificate(stranger);
  expect_refused(*runtime, DockerRegistry({.certificate = stranger}).strict_host() + "/web:v1",
                 Code::kUnavailable, "containers-certs.d(5)");
  expect_refused(*runtime, DockerRegistry({}).strict_host() + "/web:v1", Code::kUnavailable,
                 "containers-registries.conf(5)");
}

TEST_F(Registry, OneThatIsAwayIsAskedAgain) {
  DockerRegistry registry({});
  const std::string image = push(registry.host() + "/team/web:v1");
  const auto runtime = Registry::runtime();
  registry.stop();
  expect_refused(*runtime, image, Code::kUnavailable, "is " + registry.host() + " up");
  registry.start();
  expect_pulled(*runtime, image);
}

TEST_F(Registry, WhatItDoesNotHaveIsNotFound) {
  DockerRegistry registry({});
  const std::string image = push(registry.host() + "/team/web:v1");
  const auto runtime = Registry::runtime();
  for (const char* name : {"/team/web:v2", "/team/none:v1"})
    expect_refused(*runtime, registry.host() + name, Code::kNotFound, "push the image");
  push(registry.host() + "/team/web:v2");
  expect_pulled(*runtime, registry.host() + "/team/web:v2");
}

}  // namespace
}  // namespace test
