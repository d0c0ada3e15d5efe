// Strangers at the agent's door while it has something to do.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "test/integration/agent/node.h"
#include "test/support/agent_program.h"
#include "test/support/git/git_server.h"
#include "test/support/mcias/mcias_server.h"

namespace test {
namespace {

// Bytes that it had in memory at most.
size_t peak_of(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;)
    if (size_t kib = 0; word == "VmHWM:" && status >> kib) return kib << 10;
  return 0;
}

TEST(AgentFlood, WrongTokensAndLargeBodiesHoldNothingUpAndFillNoMemory) {
  const TempDir dir;
  make_certificate(dir.path());
  const MciasServer mcias(Json{{"robot", {{"system", true}}}});
  const uint16_t port = free_port();
  Node node("[mcias]\nserver_url = \"" + mcias.url() + "\"\nca_cert = \"" + mcias.ca_file() +
            "\"\n");
  node.configure("api", "listen = \"127.0.0.1:" + std::to_string(port) + "\"\ntls_cert = \"" +
                            (dir / "tls.pem") + "\"\ntls_key = \"" + (dir / "tls.key") + "\"\n");
  node.write("services/web.toml", web_definition("web", "0"));
  node.commit("web");
  node.start_agent();
  node.wait("it runs", [&] { return node.ready("web"); });
  const size_t before = peak_of(node.agent_pid());

  // Of those who may, each body is as much as is taken, and more.
  const std::string good = mcias.token_of("robot");
  const std::string tokens[] = {"not.a.token", good + "x", good, good, good, good, good, good};
  const std::string piece(1 << 20, 'x');
  std::atomic<bool> over = false;
  std::atomic<int> turned_away[std::size(tokens)] = {};
  std::vector<std::jthread> strangers;
  for (size_t i = 0; i < 3 * std::size(tokens); ++i)
    strangers.emplace_back([&, kind = i % std::size(tokens)] {
      base::HttpClient client(base::HttpAddress::https("127.0.0.1", port, dir / "tls.pem"));
      while (!over) {
        const auto answer =
            client.request({.method = "POST",
                            .target = "/v1/plan",
                            .upload = [&](size_t, size_t most) -> base::Result<std::string> {
                              return piece.substr(0, most);
                            },
                            .upload_size = 40 << 20,
                            .headers = {{"authorization", "Bearer " + tokens[kind]}}});
        if (answer && answer->ok()) ADD_FAILURE() << answer->body;
        ++turned_away[kind];
      }
    });
  node.write("services/web.toml", web_definition("web", "1"));
  node.commit("another version");
  node.wait("it is rolled out", [&] { return node.ready("web") && node.page("web") == "1\n"; });
  node.wait("all of them have come", [&] {
    return std::all_of(std::begin(turned_away), std::end(turned_away),
                       [](const auto& count) { return count >= 2; });
  });
  over = true;
  strangers.clear();
  EXPECT_LT(peak_of(node.agent_pid()) - before, size_t{256} << 20);
}

}  // namespace
}  // namespace test
