// Credentials of a registry as a node's operator configures them: the real agent, podman and
// registry.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "test/integration/agent/node.h"
#include "test/integration/registry/docker_registry.h"

namespace test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string image_of(const std::string& image) {
  return "name = \"web\"\nnode = \"rift\"\n[[components]]\nname = \"main\"\nimage = \"" + image +
         "\"\ncmd = [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep 100000 & wait\"]\n";
}

// As [[podman.registries]] and as [podman] auth_file.
class RegistryAgent : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(, RegistryAgent, testing::Values("password_file", "auth_file"),
                         [](const auto& one) { return one.param; });

TEST_P(RegistryAgent, AWrongPasswordKeepsTheOldContainerAndSaysWhatToDo) {
  const bool by_auth_file = GetParam() == "auth_file";
  const TempDir files;
  const std::string certificate = files / "certificate.pem";
  const std::string password = files / "password";
  make_certificate(certificate);
  ::setenv("SSL_CERT_FILE", certificate.c_str(), 1);
  DockerRegistry registry({.login = true, .certificate = certificate});
  const std::string host = registry.strict_host();
  const std::string alert = "[alerts.for]\nImageRegistryDenied = \"0s\"\n";
  Node node(by_auth_file
                ? alert
                : "[[podman.registries]]\nhost = \"" + host + "\"\nusername = \"" +
                      DockerRegistry::kUser + "\"\npassword_file = \"" + password + "\"\n" + alert);
  if (by_auth_file) node.configure("podman", "auth_file = \"" + password + "\"\n");
  const auto set_password = [&](const std::string& text) {
    if (!by_auth_file)
      std::ofstream(password) << text << "\n";
    else if (text == DockerRegistry::kPassword)
      node.podman({"login", "--authfile", password, "-u", DockerRegistry::kUser, "-p", text, host});
    else  // "deploy:wrong", as `podman login` would write it if it took it
      std::ofstream(password) << R"({"auths":{")" << host << R"(":{"auth":"ZGVwbG95Ondyb25n"}}})";
  };
  set_password(DockerRegistry::kPassword);
  for (const char* tag : {"v1", "v2"})
    node.podman({"push", "-q", "--creds",
                 std::string(DockerRegistry::kUser) + ":" + DockerRegistry::kPassword,
                 PodmanFixture::kDemoImage, host + "/team/web:" + tag});

  node.write("services/web.toml", image_of(host + "/team/web:v1"));
  node.commit("from the registry");
  node.start_agent();
  node.wait("the image is pulled and runs", [&] { return node.ready("web"); });
  const std::string first = node.container_id("web.main");

  set_password("wrong");
  node.write("services/web.toml", image_of(host + "/team/web:v2"));
  node.commit("another version");
  node.wait("the refusal is said", [&] { return node.ready_reason("web") == "ImagePullFailed"; });
  const Json web = node.service("web");
  EXPECT_THAT(
      web["conditions"][0]["message"],
      AllOf(HasSubstr("cannot pull " + host + "/team/web:v2"), HasSubstr(host + " refuses "),
            HasSubstr(by_auth_file ? "podman login " + host : "password_file " + password)));
  node.wait("the alert", [&] {
    return (*node.status())["alerts"].dump().find("\"ImageRegistryDenied " + host + "\"") !=
           std::string::npos;
  });
  // Tried again, further and further apart.
  EXPECT_THAT(web["components"][0]["waitingFor"].dump(), HasSubstr("next attempt at"));
  EXPECT_EQ(node.container_id("web.main"), first);
  EXPECT_EQ(node.podman({"inspect", "web.main", "--format", "{{.State.Running}}"}), "true");

  set_password(DockerRegistry::kPassword);
  node.wait("the corrected password counts",
            [&] { return node.ready("web") && node.container_id("web.main") != first; });
}

}  // namespace
}  // namespace test
