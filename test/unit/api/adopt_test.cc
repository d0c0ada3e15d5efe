#include <nlohmann/json.hpp>

#include "test/support/api_fixture.h"

// POST /v1/services/{service}/adopt: what is refused, and what is remembered of what is not. What
// is proposed stands in test/unit/adopt.
namespace agent {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

const std::string kId(64, '7');

class AdoptCall : public test::ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    View view = test::sample_view();
    view.desired.services.erase(reconciler::ServiceName("shop"));
    reconciler::ObservedContainer container;
    container.id = reconciler::ContainerId(kId);
    container.name = "shop";
    container.image = "localhost/shop:v1";
    container.state = reconciler::ContainerState::kRunning;
    container.ports = {{"", 18081, 80, "tcp"}};
    view.observed.containers.emplace(container.id, container);
    for (const auto& [id, one] : view.observed.containers)
      if (one.owner) ours_ = id.str();
    backend_.set(view);
    backend_.documents_.containers[kId] =
        R"({"Id": ")" + kId + R"(", "Image": "abc", "ImageName": "localhost/shop:v1"})";
    backend_.documents_.containers[ours_] = backend_.documents_.containers[kId];
    backend_.documents_.images["abc"] = R"({"RepoTags": ["localhost/shop:v1", "localhost/s:2"]})";
  }

  static Json body(const std::string& image = "localhost/shop:v1",
                   const std::string& more = "ports = [\"18081:80\"]") {
    return {{"files",
             {{"services/shop.toml",
               "name = \"shop\"\nnode = \"rift\"\n[[components]]\nname = "
               "\"shop\"\nimage = \"" +
                   image + "\"\n" + more + "\n"}}},
            {"components", {{"shop", kId}}}};
  }

  base::HttpResponse post(const std::string& text, const std::string& service = "shop") {
    return call("POST", "/v1/services/" + service + "/adopt", text);
  }

  std::string ours_;
};

TEST_F(AdoptCall, RemembersWhatIsAccepted) {
  const auto response = post(body().dump());
  ASSERT_EQ(response.status, 202) << response.body;
  const auto accepted = backend_.accepted();
  ASSERT_EQ(accepted.size(), 1u);
  EXPECT_EQ(accepted.begin()->first.text(), "shop/shop");
  const reconciler::Adoption& adoption = accepted.begin()->second;
  EXPECT_EQ(adoption.container.str(), kId);
  EXPECT_EQ(adoption.node.str(), "rift");
  EXPECT_EQ(adoption.spec_hash.size(), 16u);
  EXPECT_EQ(adoption.ports.size(), 1u);
  EXPECT_TRUE(adoption.revision.empty());
}

TEST_F(AdoptCall, TakesAnyNameOfItsImage) {
  EXPECT_EQ(post(body("localhost/s:2").dump()).status, 202);
  EXPECT_EQ(backend_.accepted().begin()->second.image, "localhost/s:2");
}

TEST_F(AdoptCall, TakesSomeOfThePortsOfAPod) {
  backend_.documents_.containers[kId] = R"({"Image": "abc", "Pod": "p"})";
  EXPECT_EQ(post(body("localhost/shop:v1", "").dump()).status, 202);
  EXPECT_TRUE(backend_.accepted().begin()->second.ports.empty());
}

TEST_F(AdoptCall, RefusesWhatWouldNotBeTrue) {
  Json two = body();
  two["components"]["other"] = kId;
  Json unknown = body(), missing = body(), ours = body(), empty = body(), number = body();
  unknown["components"] = {{"front", kId}};
  missing["components"]["shop"] = std::string(64, '0');
  ours["components"]["shop"] = ours_;
  empty["components"] = Json::object();
  number["components"]["shop"] = 7;
  Json elsewhere = body();
  elsewhere["files"]["services/shop.toml"] =
      "name = \"shop\"\nnode = \"other\"\n[[components]]\nname = \"shop\"\nimage = \"a:1\"\n";
  const std::tuple<const char*, Json, int, const char*> table[] = {
      {"another image", body("localhost/shop:v2"), 409, "localhost/shop:v2 is defined"},
      {"other ports", body("localhost/shop:v1", "ports = [\"8081:80\"]"), 409, "ports: "},
      {"ports that are not said", body("localhost/shop:v1", ""), 409, "ports: "},
      {"routes", body("localhost/shop:v1", "[[components.routes]]\nport = 443"), 409,
       "routes need"},
      {"no definition", body("localhost/shop:v1", "imag = 1"), 400, "unknown field"},
      {"another node's", elsewhere, 400, ""},
      {"one for two", two, 400, "two components cannot have one container"},
      {"a component that is not defined", unknown, 400, "has no component 'front'"},
      {"gone", missing, 404, "no container 000000000000"},
      {"ours", ours, 409, "managed already"},
      {"nothing", empty, 400, "no components"},
      {"a number", number, 400, "is not a string"},
      {"no files", Json{{"components", {{"shop", kId}}}}, 400, "files"},
      {"something else", Json{{"force", true}}, 400, "unknown member 'force'"},
      {"no object", Json::array(), 400, "not a JSON object"}};
  for (const auto& [why, request, status, detail] : table) {
    SCOPED_TRACE(why);
    const auto response = post(request.dump());
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_THAT(response.body, HasSubstr(detail));
  }
  EXPECT_EQ(post("{").status, 400);
  EXPECT_TRUE(backend_.accepted().empty());
}

TEST_F(AdoptCall, DoesNotOfferWhatIsManaged) {
  const auto response = post("{}", "web");
  EXPECT_EQ(response.status, 409);
  EXPECT_THAT(response.body, HasSubstr("managed already, by services/web.toml"));
}

TEST_F(AdoptCall, WhatDoesNotRunIsNotAdopted) {
  View view = backend_.view();
  view.observed.containers.at(reconciler::ContainerId(kId)).state =
      reconciler::ContainerState::kExited;
  backend_.set(view);
  EXPECT_EQ(post(body().dump()).status, 409);
}

}  // namespace
}  // namespace agent
