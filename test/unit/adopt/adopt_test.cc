#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "agent/adopt/proposal.h"
#include "crds/decode.h"
#include "crds/print.h"
#include "test/support/fake_documents.h"

// documents/ holds what podman 4.3.1 said of real containers, without the parts that nobody reads.
namespace agent {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const std::string kFolder = MCP_SOURCE_DIR "/test/unit/adopt/";

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

std::string document(const std::string& name) {
  return content(kFolder + "documents/" + name + ".json");
}

// What an id stands for in the documents.
std::string id_in(const std::string& text) {
  const size_t at = text.find("\"Id\": \"") + 7;
  return text.substr(at, text.find('"', at) - at);
}

const char* const kContainers[] = {"web",       "web-worker", "shop_front_1", "blog-app",
                                   "blog-side", "www",        "www-admin"};

test::FakeDocuments podman() {
  test::FakeDocuments out;
  out.list = document("list");
  for (const char* name : kContainers) {
    const std::string text = document(name);
    out.containers[id_in(text)] = text;
  }
  for (const char* name : {"image-demo", "image-httpd"}) {
    const std::string text = document(name);
    out.images[id_in(text)] = text;
  }
  // All of them run, for what is asked here.
  for (size_t at; (at = out.list.find("\"created\"")) != std::string::npos;)
    out.list.replace(at, 9, "\"running\"");
  return out;
}

std::string text_of(const Proposal& proposal) {
  std::string out = crds::to_toml(proposal.definition);
  for (const ProposedPart& part : proposal.parts)
    for (const Loss& loss : part.losses)
      out += "# " + part.container.component + " " + loss.field + " = " + loss.value + ": " +
             loss.consequence + "\n";
  for (const LeftOut& one : proposal.left_out)
    out += "# without " + one.container + ": " + one.why + "\n";
  for (const Manager& one : proposal.managers)
    out += "# " + one.kind + " " + one.name + ": " + one.advice + "\n";
  return out;
}

base::Result<Proposal> proposal_of(const std::string& service, test::FakeDocuments& podman,
                                   const crds::Fleet& fleet = {},
                                   const std::set<reconciler::ContainerId>& ours = {}) {
  return propose(crds::ServiceName(service), crds::NodeName("rift"), fleet, ours, podman);
}

// podman run with much of what it has to offer; a compose project; a pod of kube play; an image
// with an entrypoint, of a systemd unit.
class Proposals : public testing::TestWithParam<const char*> {};

TEST_P(Proposals, AreTheDefinitionOfWhatRuns) {
  test::FakeDocuments documents = podman();
  const auto proposal = proposal_of(GetParam(), documents);
  ASSERT_TRUE(proposal) << proposal.error().text();
  const std::string path = kFolder + "golden/" + GetParam() + ".toml";
  const std::string text = text_of(*proposal);
  if (std::getenv("MCP_UPDATE_GOLDEN") != nullptr)
    std::ofstream(path, std::ios::binary) << text;
  else
    EXPECT_EQ(content(path), text);
  // What is proposed is valid, and says what is meant.
  const auto decoded = crds::decode_file("services/x.toml", text);
  EXPECT_THAT(decoded.problems, IsEmpty()) << decoded.problems.front().text();
  ASSERT_EQ(decoded.services.size(), 1u);
  EXPECT_EQ(decoded.services.front().value, proposal->definition);
}

INSTANTIATE_TEST_SUITE_P(All, Proposals, testing::Values("web", "shop", "blog", "www"));

TEST(Proposal, NeverHoldsWhatASecretVariableHas) {
  test::FakeDocuments documents = podman();
  ASSERT_THAT(documents.containers[id_in(document("web-worker"))], HasSubstr("DBPW=s3cret"));
  EXPECT_THAT(text_of(*proposal_of("web", documents)), testing::Not(HasSubstr("s3cret")));
}

TEST(Proposal, SaysWhatTheDefaultsOfTheFleetWouldChange) {
  crds::Fleet fleet;
  fleet.user = "1000:1000";
  fleet.network = "mcpnet";
  fleet.stop_timeout = std::chrono::seconds(30);
  test::FakeDocuments documents = podman();
  const auto proposal = proposal_of("web", documents, fleet);
  ASSERT_TRUE(proposal) << proposal.error().text();
  const crds::Component& web = proposal->definition.components.at(0);
  EXPECT_EQ(web.user, "0:0");
  EXPECT_EQ(*web.stop_timeout, std::chrono::seconds(3));
  EXPECT_EQ(*proposal->definition.components.at(1).stop_timeout, std::chrono::seconds(10));
  EXPECT_THAT(proposal->parts.at(0).losses,
              testing::Contains(
                  Loss{"network", "podman's default", "it is on the fleet's network, mcpnet"}));
}

TEST(Proposal, LeavesOutWhatDoesNotRunOrIsGone) {
  test::FakeDocuments documents = podman();
  documents.list.replace(documents.list.find("\"running\""), 9, "\"exited\"");
  documents.containers.erase(id_in(document("shop_front_1")));
  const auto web = proposal_of("web", documents);
  ASSERT_TRUE(web) << web.error().text();
  ASSERT_EQ(web->left_out.size(), 1u);
  EXPECT_EQ(web->left_out[0].why, "it is exited, and only what runs is adopted");
  documents.containers.erase(id_in(document("web")));
  EXPECT_THAT(proposal_of("web", documents)->parts, IsEmpty());
}

TEST(Proposal, IsNothingWhereNothingBelongsToTheService) {
  test::FakeDocuments documents = podman();
  const auto proposal = proposal_of("mail", documents);
  ASSERT_TRUE(proposal);
  EXPECT_THAT(proposal->parts, IsEmpty());
  EXPECT_THAT(proposal->others, testing::IsSupersetOf({"web", "blog-app", "shop_back_1"}));
}

TEST(Proposal, SaysWhenPodmanCannotBeUnderstood) {
  for (const char* list : {"", "{}[", "[{}]", "[{\"Id\": 1}]", "[[]]"}) {
    test::FakeDocuments documents;
    documents.list = list;
    const auto proposal = proposal_of("web", documents);
    ASSERT_FALSE(proposal) << list;
    EXPECT_EQ(proposal.error().code, base::Code::kCorrupt);
  }
  for (const char* container :
       {"", "[]x", "{\"Config\": {\"Env\": 7}}", "{\"Mounts\": {\"a\": 1}}"})
    EXPECT_FALSE(reproduce(container, "{}", {})) << container;
}

// ---------------------------------------------------------------- what belongs to a service

std::string listed(const std::string& name, const std::string& more = "") {
  return "{\"Id\": \"id-" + name + "\", \"State\": \"running\", \"Names\": [\"" + name + "\"]" +
         (more.empty() ? "" : ", " + more) + "}";
}

std::string labelled(const std::string& name, const std::string& labels) {
  return listed(name, "\"Labels\": {" + labels + "}");
}

std::string compose(const std::string& name, const std::string& project, const std::string& part) {
  return labelled(name, "\"com.docker.compose.project\": \"" + project +
                            "\", \"com.docker.compose.service\": \"" + part + "\"");
}

TEST(Candidates, BelongByNameOrByWhoMadeThem) {
  struct Case {
    const char* why;
    std::vector<std::string> list;
    std::vector<std::string> components;  // "component = container", by container
  };
  const Case cases[] = {
      {"its name", {listed("web")}, {"web = web"}},
      {"no part of a word", {listed("webshop"), listed("my-web")}, {}},
      {"a part of it",
       {listed("web-api"), listed("web.db"), listed("web_cache_1")},
       {"api = web-api", "db = web.db", "cache = web_cache_1"}},
      {"numbers are no names",
       {listed("web_1"), listed("web-2")},
       {"web = web-2", "web-2 = web_1"}},
      {"what is no label", {listed("web_My_API")}, {"my-api = web_My_API"}},
      {"a compose project",
       {compose("x", "web", "api"), compose("web-x", "other", "api")},
       {"api = x"}},
      {"scaled",
       {compose("web_api_1", "web", "api"), compose("web_api_2", "web", "api")},
       {"api = web_api_1", "api-2 = web_api_2"}},
      {"a compose service, when nothing else does",
       {compose("shop_web_1", "shop", "web")},
       {"web = shop_web_1"}},
      {"else not", {compose("shop_web_1", "shop", "web"), listed("web")}, {"web = web"}},
      {"a pod",
       {listed("web-api", R"("PodName": "web")"), listed("web-x", R"("PodName": "pod")")},
       {"api = web-api"}},
      {"the pod of a deployment",
       {listed("web-pod-api", R"("PodName": "web-pod")")},
       {"api = web-pod-api"}},
      {"not the pod itself", {listed("web", R"("PodName": "web", "IsInfra": true)")}, {}},
      {"a unit",
       {labelled("systemd-web", R"("PODMAN_SYSTEMD_UNIT": "web.service")"),
        labelled("b", R"("PODMAN_SYSTEMD_UNIT": "container-web-db.service")"),
        labelled("web-y", R"("PODMAN_SYSTEMD_UNIT": "other.service")")},
       {"db = b", "web = systemd-web"}},
      {"ours do not", {listed("web-ours"), listed("web")}, {"web = web"}},
  };
  for (const Case& one : cases) {
    std::string list = "[";
    for (const std::string& entry : one.list) list += (list.size() > 1 ? ", " : "") + entry;
    const auto found = find_candidates(list + "]", "web", {reconciler::ContainerId("id-web-ours")});
    ASSERT_TRUE(found) << one.why << ": " << found.error().text();
    std::vector<std::string> components;
    for (const Candidate& candidate : found->found)
      components.push_back(candidate.component + " = " + candidate.name);
    EXPECT_THAT(components, testing::UnorderedElementsAreArray(one.components)) << one.why;
  }
}

}  // namespace
}  // namespace agent
