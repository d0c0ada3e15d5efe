#include "crds/decode.h"

#include <filesystem>

#include "base/core/time.h"
#include "corpus.h"

namespace crds {
namespace {

using test::corpus;
using test::definitions;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> texts(const std::vector<Diagnostic>& problems) {
  std::vector<std::string> out;
  for (const Diagnostic& problem : problems) out.push_back(problem.text());
  return out;
}

// The words of a syntax error, and its column, are those of the library's version.
std::string stable(Diagnostic problem) {
  if (!problem.message.starts_with("not valid ")) return problem.text() + "\n";
  problem.message.resize(problem.message.find(':'));
  problem.at.column = 0;
  problem.hint.clear();
  return problem.text() + "\n";
}

std::string report(const DecodedFile& file) {
  std::string out;
  for (const Diagnostic& problem : file.problems) out += stable(problem);
  for (const auto& service : file.services) out += "sound: " + service.value.name.str() + "\n";
  for (const ServiceName& name : file.broken_services) out += "broken: " + name.str() + "\n";
  return out;
}

TEST(Decode, GoodCorpusHasNoProblems) {
  for (const auto& [path, text] : definitions(corpus("good"))) {
    const DecodedFile file = decode_file(path, text);
    EXPECT_THAT(texts(file.problems), IsEmpty()) << path;
    EXPECT_FALSE(file.services.empty() && file.nodes.empty() && !file.fleet) << path;
  }
}

TEST(Decode, TwinsInBothFormatsAreEqual) {
  int twins = 0;
  const auto files = definitions(corpus("good"));
  for (const auto& [path, text] : files) {
    if (!path.ends_with(".toml")) continue;
    for (const char* extension : {".yaml", ".yml"}) {
      const auto twin = files.find(path.substr(0, path.size() - 5) + extension);
      if (twin == files.end()) continue;
      ++twins;
      const DecodedFile a = decode_file(path, text), b = decode_file(twin->first, twin->second);
      ASSERT_EQ(a.services.size(), b.services.size()) << path;
      ASSERT_EQ(a.nodes.size(), b.nodes.size()) << path;
      for (size_t i = 0; i < a.services.size(); ++i)
        EXPECT_EQ(a.services[i].value, b.services[i].value) << path;
      for (size_t i = 0; i < a.nodes.size(); ++i)
        EXPECT_EQ(a.nodes[i].value, b.nodes[i].value) << path;
      ASSERT_EQ(a.fleet.has_value(), b.fleet.has_value()) << path;
      if (a.fleet && b.fleet) {
        EXPECT_EQ(a.fleet->value, b.fleet->value) << path;
      }
    }
  }
  EXPECT_GE(twins, 5);
}

TEST(Decode, BadCorpusSaysWhatIsWrongAndWhere) {
  for (const auto& [path, text] : definitions(corpus("bad"))) {
    const DecodedFile file = decode_file(path, text);
    EXPECT_FALSE(file.problems.empty()) << path;
    test::expect_golden(corpus("bad/") + path + ".expected", report(file));
  }
}

TEST(Decode, SyntaxErrorsPointAtTheToken) {
  const struct {
    std::string path, text;
    Position at;
  } cases[] = {
      {"services/web.toml", "name = \"web\"\nversion = = \"v1\"\n", {"services/web.toml", 2, 11}},
      {"services/web.yaml", "kind: Service\nmetadata: {name: web]\n", {"services/web.yaml", 2, 21}},
  };
  for (const auto& [path, text, at] : cases) {
    const DecodedFile file = decode_file(path, text);
    ASSERT_EQ(file.problems.size(), 1u) << path;
    EXPECT_EQ(file.problems[0].at, at) << file.problems[0].text();
    EXPECT_THAT(file.problems[0].message, ::testing::StartsWith("not valid "));
  }
}

TEST(Decode, TreesAreCheckedAsAWhole) {
  for (const auto& folder : std::filesystem::directory_iterator(corpus("trees"))) {
    std::map<std::string, DecodedFile> files;
    for (const auto& [path, text] : definitions(folder.path().string()))
      files[path] = decode_file(path, text);
    const Tree tree = check_tree(files);
    std::string out;
    for (const Diagnostic& problem : tree.problems) out += stable(problem);
    for (const auto& [name, service] : tree.services) {
      out += "sound: " + name.str() + "\n";
      EXPECT_FALSE(tree.broken.contains(name)) << name.str();
    }
    for (const auto& [name, why] : tree.broken) {
      out += "broken: " + name.str() + "\n";
      EXPECT_FALSE(why.empty()) << name.str();
    }
    if (tree.nodes_broken) out += "nodes broken\n";
    if (tree.fleet_broken) out += "fleet broken\n";
    test::expect_golden(folder.path().string() + "/expected", out);
  }
}

TEST(Decode, EveryFieldOfTheFullExample) {
  const std::string path = "services/full.toml";
  const DecodedFile file = decode_file(path, definitions(corpus("good")).at(path));
  ASSERT_EQ(file.services.size(), 1u);
  const Service& service = file.services[0].value;
  EXPECT_EQ(file.services[0].name_at, (Position{path, 1, 8}));
  EXPECT_EQ(service.name.str(), "full");
  EXPECT_EQ(service.node.str(), "rift");
  EXPECT_EQ(service.version, "v1.0.0");
  EXPECT_THAT(service.depends_on, ElementsAre(ServiceName("database")));
  EXPECT_EQ(base::to_rfc3339(service.restarted_at.value()), "2026-11-22T10:00:00Z");
  EXPECT_EQ(service.build_images.at("full"), "Dockerfile");
  ASSERT_EQ(service.components.size(), 2u);
  const Component& api = service.components[0];
  EXPECT_THAT(api.ports,
              ElementsAre(PortMapping{"127.0.0.1", 8443, 8443, "tcp"},
                          PortMapping{"::1", 8444, 8443, "tcp"}, PortMapping{"", 5353, 53, "udp"}));
  EXPECT_THAT(api.volumes, ElementsAre(Volume{"/srv/full", "/srv/full", {}},
                                       Volume{"cache", "/var/cache", {"ro", "z"}}));
  EXPECT_THAT(api.env, ElementsAre(std::pair("EMPTY", ""), std::pair("EQUALS", "a=b"),
                                   std::pair("KEY", "VALUE")));
  EXPECT_EQ(api.memory_bytes, 256u << 20);
  EXPECT_EQ(api.cpus, 0.5);
  EXPECT_TRUE(api.privileged);
  EXPECT_THAT(api.cap_add, ElementsAre("NET_ADMIN", "SYS_TIME"));
  EXPECT_EQ(api.restart, (Restart{Restart::Policy::kUnlessStopped, {}}));
  EXPECT_EQ(api.stop_timeout, std::chrono::seconds(10));
  EXPECT_EQ(api.health->check, (decltype(Health::check)(HttpCheck{"/healthz"})));
  ASSERT_EQ(api.routes.size(), 2u);
  EXPECT_EQ(api.routes[0].edge, "svc");
  EXPECT_EQ(api.routes[0].backend_tls, true);
  EXPECT_EQ(api.routes[1].mode, Route::Mode::kL7);
  EXPECT_EQ(api.routes[0].backend_protocol, std::nullopt);
  EXPECT_EQ(api.routes[1].backend_tls, std::nullopt);
  EXPECT_EQ(api.routes[1].backend_protocol, Route::Protocol::kH2c);
  const Component& db = service.components[1];
  EXPECT_EQ(db.restart, (Restart{Restart::Policy::kOnFailure, 3}));
  EXPECT_EQ(db.strategy, Strategy::kRecreate);
  EXPECT_EQ(db.restart->max_retries, 3);
  EXPECT_EQ(api.rollout, RolloutSettings());
  EXPECT_EQ(db.rollout, (RolloutSettings{.watch = base::Millis(0),
                                         .drain = std::chrono::minutes(10),
                                         .hold = std::chrono::minutes(5)}));
  EXPECT_EQ(std::get<CmdCheck>(db.health->check).argv,
            (std::vector<std::string>{"/bin/sh", "-c", "pg_isready -q"}));
}

TEST(Decode, RightsAreReadInOneForm) {
  const auto file = decode_file("services/web.toml", R"(
name = "web"
[[components]]
name = "main"
image = "web:v1"
privileged = true
cap_add = ["cap_net_admin", "SYS_TIME"]
cap_drop = ["all"]
devices = ["/dev/dri", "/dev/ttyUSB0:/dev/modem:rw", "/dev/fuse:r"]
)");
  ASSERT_TRUE(file.problems.empty()) << file.problems.front().text();
  const Component& component = file.services.at(0).value.components.at(0);
  EXPECT_TRUE(component.privileged);
  EXPECT_THAT(component.cap_add, ElementsAre("NET_ADMIN", "SYS_TIME"));
  EXPECT_THAT(component.cap_drop, ElementsAre("ALL"));
  EXPECT_THAT(component.devices, ElementsAre(Device{"/dev/dri", "/dev/dri", "rwm"},
                                             Device{"/dev/ttyUSB0", "/dev/modem", "rw"},
                                             Device{"/dev/fuse", "/dev/fuse", "r"}));
  for (const char* bad :
       {"devices = [\"/dev/../etc\"]", "devices = [\"dri\"]", "devices = [\"/dev/a:x\"]",
        "cap_add = [\"NET-ADMIN\"]", "cap_add = [\"\"]", "privileged = \"yes\""})
    EXPECT_FALSE(decode_file("services/web.toml",
                             "name = \"web\"\n[[components]]\nname = \"main\"\nimage = \"a:1\"\n" +
                                 std::string(bad) + "\n")
                     .problems.empty())
        << bad;
}

TEST(Decode, DefinitionPaths) {
  for (const char* path : {"fleet.toml", "fleet.yaml", "nodes/a.toml", "nodes/a.yml",
                           "services/a.yaml", "services/team/web/a.toml"})
    EXPECT_TRUE(is_definition_path(path)) << path;
  for (const char* path : {"", "README.md", "services/README.md", "x/fleet.toml", "other.toml",
                           "nodes/deep/a.toml", "services/.a.toml", "node/a.toml", "services"})
    EXPECT_FALSE(is_definition_path(path)) << path;
}

TEST(Decode, HostileSizesAreRefused) {
  std::string keys = "name = \"web\"\na";
  for (int i = 0; i < 400'000; ++i) keys += ".a";
  EXPECT_THAT(texts(decode_file("services/a.toml", keys + " = 1\n").problems),
              ElementsAre("services/a.toml:2:32: a key with more than 16 parts"));

  const DecodedFile large =
      decode_file("services/a.toml", std::string(kMaxDefinitionBytes + 1, '#'));
  EXPECT_EQ(large.problems.size(), 1u);
  EXPECT_THAT(large.broken_services, ElementsAre(ServiceName("a")));

  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "[[components]]\ndepends_on = [\"x\"]\n";
  EXPECT_LE(decode_file("services/a.toml", many).problems.size(), 101u);

  std::string wide = "spec: {a: [";
  for (int i = 0; i < 300'000; ++i) wide += "1,";
  EXPECT_EQ(decode_file("services/a.yaml", wide + "1]}").problems.size(), 1u);
}

TEST(CheckTree, TheHolderOfAPortKeepsIt) {
  const auto service = [](const std::string& name, const std::string& ports) {
    return "name = \"" + name +
           "\"\nnode = \"rift\"\n[[components]]\nname = \"c\"\nimage = \"x\"\n" + "ports = [" +
           ports + "]\n";
  };
  const auto decode = [&](const std::string& name, const std::string& ports) {
    const std::string path = "services/" + name + ".toml";
    return std::pair(path, decode_file(path, service(name, ports)));
  };
  std::map<std::string, DecodedFile> files = {decode("a", "\"80:80\""), decode("b", "\"80:80\"")};
  EXPECT_TRUE(check_tree(files).services.contains(ServiceName("a")));

  const std::map<ServiceName, Service> last_good = {
      {ServiceName("b"), files.at("services/b.toml").services[0].value}};
  const Tree tree = check_tree(files, last_good);
  EXPECT_TRUE(tree.services.contains(ServiceName("b")));
  EXPECT_TRUE(tree.broken.contains(ServiceName("a")));

  // A broken service goes on as it was, so what it had stays taken.
  files["services/b.toml"] = decode_file("services/b.toml", "name = \"b\"\nnonsense");
  EXPECT_TRUE(check_tree(files, last_good).broken.contains(ServiceName("a")));
  EXPECT_FALSE(check_tree(files).broken.contains(ServiceName("a")));
}

}  // namespace
}  // namespace crds
