#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "test/support/api_fixture.h"

// What every call answers for sample_view(), byte for byte, beside this file; docs/api.md shows the
// same text. MCP_UPDATE_GOLDEN=1 rewrites both.
namespace agent {
namespace {

const std::string kFolder = MCP_SOURCE_DIR "/test/golden/api/";
const std::string kPage = MCP_SOURCE_DIR "/docs/api.md";

bool updating() {
  return std::getenv("MCP_UPDATE_GOLDEN") != nullptr;
}

std::string content(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

struct Case {
  const char* file;  // the golden file
  const char* method;
  const char* target;
  const char* body = "";
  int status = 200;
  // What of sample_view() the page shows; empty: all. The page would be long otherwise.
  std::set<std::string> services = {};
};

const Case kCases[] = {
    {"version.json", "GET", "/v1/version"},
    {"healthz.txt", "GET", "/healthz"},
    {"readyz.txt", "GET", "/readyz"},
    {"status.json", "GET", "/v1/status", "", 200, {"web", "broken"}},
    {"services.json", "GET", "/v1/services", "", 200, {"blog"}},
    {"service.json", "GET", "/v1/services/database"},
    {"spec.json", "GET", "/v1/services/database/spec"},
    {"containers.json", "GET", "/v1/containers", "", 200, {"web"}},
    {"routes.json", "GET", "/v1/routes"},
    {"doctor.json", "GET", "/v1/doctor"},
    {"events.json", "GET", "/v1/events?since=1"},
    {"logs.txt", "GET", "/v1/services/web/components/api/logs?tail=2"},
    {"sync.json", "POST", "/v1/sync", R"({"allowPrune": true})", 202},
    {"plan.json",
     "POST",
     "/v1/plan",
     R"({"files": {"fleet.toml": "domain = \"svc.example.net\"\n", "services/mail.toml": "name = \"mail\"\nnode = \"rift\"\n\n[[components]]\nname = \"mail\"\nimage = \"registry.example.net/mail:v4\"\nimag = \"x\"\n", "services/shop.toml": "name = \"shop\"\nnode = \"rift\"\n\n[[components]]\nname = \"shop\"\nimage = \"registry.example.net/shop:v2\"\n"}})",
     200,
     {"mail", "shop"}},
    {"adopt.json", "POST", "/v1/services/shop/adopt", "{}"},
    {"adopt_accepted.json",
     "POST",
     "/v1/services/shop/adopt",
     R"({"files": {"fleet.toml": "domain = \"svc.example.net\"\n", "services/shop.toml": "name = \"shop\"\nnode = \"rift\"\n\n[[components]]\nname = \"front\"\nimage = \"localhost/mcp-demo:v1\"\nports = [\"18081:80\"]\n"}, "components": {"front": "d52de337ee01afb2830eb21e715f56706c911884ad4088af4f71c16042f44549"}})",
     202,
     {}},
    {"problem.json", "GET", "/v1/services/databse", "", 404},
};

class Golden : public test::ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    reconciler::Event created = event("database", "Created");
    created.component = reconciler::ComponentName("database");
    created.message = "created database.database";
    created.cause = "new (commit 4f2b8c1, services/database.toml)";
    created.revision = backend_.view().desired.revision;
    reconciler::Event failed = event("web", "Flapping");
    failed.warning = true;
    failed.component = reconciler::ComponentName("worker");
    failed.message = "exited with 137";
    failed.revision = created.revision;
    commit({created, event("web", "Started"), failed},
           {{reconciler::ServiceName("database"), created.revision, created.time, true, "Ready"}});
  }

  // The front of a compose project, as podman tells of it.
  View with_somebody_elses(View view) {
    const std::string folder = MCP_SOURCE_DIR "/test/unit/adopt/documents/";
    const auto document = [&](const std::string& name) { return content(folder + name + ".json"); };
    const auto id_in = [](const std::string& text) {
      const size_t at = text.find("\"Id\": \"") + 7;
      return text.substr(at, text.find('"', at) - at);
    };
    backend_.documents_.list = document("list");
    const std::string container = document("shop_front_1");
    backend_.documents_.containers[id_in(container)] = container;
    backend_.documents_.images[id_in(document("image-demo"))] = document("image-demo");
    reconciler::ObservedContainer front;
    front.id = reconciler::ContainerId(id_in(container));
    front.name = "shop_front_1";
    front.image = "localhost/mcp-demo:v1";
    front.state = reconciler::ContainerState::kRunning;
    front.ports = {{"", 18081, 80, "tcp"}};
    front.started_at = *base::parse_rfc3339("2026-11-22T09:00:00Z");
    view.desired.services.erase(reconciler::ServiceName("shop"));
    view.observed.containers.emplace(front.id, front);
    return view;
  }

  void expect_golden(const std::string& file, const std::string& actual) {
    if (updating()) std::ofstream(kFolder + file, std::ios::binary) << actual;
    EXPECT_EQ(actual, content(kFolder + file)) << file << ": MCP_UPDATE_GOLDEN=1 rewrites it";
  }
};

TEST_F(Golden, EveryCallAnswersAsItsFile) {
  for (const Case& one : kCases) {
    View view = one.services.empty() ? test::sample_view() : test::sample_view(one.services);
    if (std::string(one.target).ends_with("/adopt")) view = with_somebody_elses(std::move(view));
    backend_.set(std::move(view));
    const auto response = call(one.method, one.target, one.body);
    EXPECT_EQ(response.status, one.status) << one.target;
    expect_golden(one.file, response.body);
  }
}

TEST_F(Golden, TheWholeNode) {
  expect_golden("node.json", get("/v1/status").body);
}

TEST_F(Golden, AFollowedEventIsServerSent) {
  std::string text;
  const auto done =
      client_->stream({.target = "/v1/events?since=2&follow=true", .deadline = base::Millis(0)},
                      [&](std::string_view piece) {
                        text += piece;
                        return !text.ends_with("\n\n");
                      });
  ASSERT_TRUE(done);
  expect_golden("events.txt", text);
}

// "<!-- test/golden/api/x.json -->" is followed by a fenced block with the file's text.
TEST(Docs, ExamplesAreTheGoldenFiles) {
  const std::string page = content(kPage);
  std::string expected;
  int examples = 0;
  for (size_t at = 0; at < page.size();) {
    const std::string marker = "<!-- test/golden/api/";
    const size_t begin = page.find(marker, at);
    if (begin == page.npos) {
      expected += page.substr(at);
      break;
    }
    const size_t name = begin + marker.size();
    const std::string file = page.substr(name, page.find(" -->", name) - name);
    const size_t fence = page.find("```", name);
    const size_t text = page.find('\n', fence) + 1;
    const size_t end = page.find("\n```", text - 1) + 1;
    ASSERT_TRUE(fence != page.npos && end != 0) << file;
    expected += page.substr(at, text - at) + content(kFolder + file);
    if (!expected.ends_with('\n')) expected += '\n';
    at = end;
    ++examples;
  }
  if (updating()) std::ofstream(kPage, std::ios::binary) << expected;
  EXPECT_TRUE(content(kPage) == expected)
      << "docs/api.md is not what the golden files say: MCP_UPDATE_GOLDEN=1 rewrites it";
  for (const Case& one : kCases)
    EXPECT_NE(page.find(std::string("<!-- test/golden/api/") + one.file), page.npos)
        << "docs/api.md has no example of " << one.file;
  EXPECT_GT(examples, 0);
}

}  // namespace
}  // namespace agent
