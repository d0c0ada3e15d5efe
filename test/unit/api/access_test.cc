#include "agent/api/access.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/core/text.h"
#include "test/support/api_fixture.h"

namespace agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Knows its callers by their tokens' words: "viewer", "operator", "none"; "down" cannot be judged.
class Words : public TokenValidator {
 public:
  base::Result<Caller> validate(const std::string& token) override {
    if (token == "viewer") return Caller{"vera", Role::kViewer, "mcias"};
    if (token == "operator") return Caller{"otto", Role::kOperator, "mcias"};
    if (token == "none") return Caller{"nina", Role::kNone, "mcias"};
    if (token == "down") return base::unavailable("MCIAS does not answer");
    return base::make_error(base::Code::kUnauthenticated, "the token is not valid",
                            "run mcp login");
  }
};

class TokenApi : public test::ApiTest {
 protected:
  base::HttpRequest request(const std::string& method, const std::string& route,
                            const std::string& authorization) {
    base::HttpRequest out;
    out.method = method;
    out.route = out.path = route;
    out.peer = "192.0.2.7";
    if (!authorization.empty()) out.headers["authorization"] = authorization;
    return out;
  }
  base::Result<> admit(const std::string& method, const std::string& route,
                       const std::string& authorization) {
    base::HttpRequest one = request(method, route, authorization);
    return remote_.admit(one);
  }

  Words words_;
  Access remote_{&words_, [this](reconciler::Event event) { backend_.record(std::move(event)); }};
};

// Every call that docs/api.md lists is in the table, with the role that the page says.
TEST_F(TokenApi, EachCallNeedsTheRoleThatItsPageSays) {
  std::ifstream page(MCP_SOURCE_DIR "/docs/api.md");
  const std::regex row(R"(\| `(\w+) (/[^`]*)` \| (anyone|viewer|operator) \|)");
  std::vector<std::string> told;
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, row)) continue;
    told.push_back(match[1].str() + " " + match[2].str());
    const Role role = match[3] == "anyone"   ? Role::kNone
                      : match[3] == "viewer" ? Role::kViewer
                                             : Role::kOperator;
    EXPECT_EQ(needed_role(match[1], match[2]), role) << line;
    EXPECT_EQ(admit(match[1], match[2], "").has_value(), role == Role::kNone) << line;
    EXPECT_EQ(admit(match[1], match[2], "Bearer none").has_value(), role == Role::kNone) << line;
    EXPECT_EQ(admit(match[1], match[2], "Bearer viewer").has_value(), role <= Role::kViewer)
        << line;
    EXPECT_TRUE(admit(match[1], match[2], "bearer operator")) << line;
  }
  EXPECT_THAT(told, testing::UnorderedElementsAreArray(api_calls()));
}

TEST_F(TokenApi, AnUnknownRouteIsForOperators) {
  EXPECT_EQ(needed_role("DELETE", "/v1/everything"), Role::kOperator);
  EXPECT_EQ(needed_role("HEAD", "/v1/status"), Role::kViewer);
}

TEST_F(TokenApi, EachRefusalHasItsCode) {
  const std::tuple<const char*, base::Code, const char*> table[] = {
      {"", base::Code::kUnauthenticated, "no token"},
      {"Basic dmVyYTp4", base::Code::kUnauthenticated, "not 'Bearer TOKEN'"},
      {"Bearer wrong", base::Code::kUnauthenticated, "not valid"},
      {"Bearer none", base::Code::kDenied, "'nina' has the role none"},
      {"Bearer viewer", base::Code::kDenied, "needs operator"},
      {"Bearer down", base::Code::kUnavailable, "MCIAS does not answer"}};
  for (const auto& [authorization, code, text] : table) {
    const auto refused = admit("POST", "/v1/sync", authorization);
    ASSERT_FALSE(refused) << authorization;
    EXPECT_EQ(refused.error().code, code) << authorization;
    EXPECT_THAT(refused.error().text(), HasSubstr(text));
  }
}

TEST_F(TokenApi, WhoChangesSomethingAndWhoIsTurnedAwayIsWrittenDown) {
  ASSERT_TRUE(admit("GET", "/v1/status", "Bearer viewer"));
  EXPECT_THAT(backend_.recorded(), IsEmpty());
  ASSERT_TRUE(admit("POST", "/v1/sync", "Bearer operator"));
  ASSERT_FALSE(admit("POST", "/v1/sync", "Bearer viewer"));
  ASSERT_FALSE(admit("GET", "/v1/status", ""));
  const auto events = backend_.recorded();
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].reason, "Asked");
  EXPECT_EQ(events[0].message, "POST /v1/sync");
  EXPECT_EQ(events[0].cause, "otto from 192.0.2.7");
  EXPECT_EQ(events[1].reason, "Denied");
  EXPECT_TRUE(events[1].warning);
  EXPECT_EQ(events[1].cause, "vera from 192.0.2.7");
  EXPECT_EQ(events[2].cause, "from 192.0.2.7");
}

TEST_F(TokenApi, WhoKnocksAllDayDoesNotFillTheRegistry) {
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(admit("POST", "/v1/sync", "Bearer wrong"));
  EXPECT_THAT(backend_.recorded(), SizeIs(20));
}

TEST_F(TokenApi, OnTheSocketTheUserIdIsWhoItIs) {
  EXPECT_EQ(call("POST", "/v1/sync").status, 202);
  const auto events = backend_.recorded();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_THAT(events[0].cause, testing::StartsWith("uid " + std::to_string(::geteuid())));
}

TEST_F(TokenApi, EveryAnswerSaysTheAgentsVersion) {
  for (const char* target : {"/v1/version", "/v1/nothing", "/v1/services/none", "/metrics"})
    EXPECT_EQ(get(target).headers.at("mcp-agent-version"), "v0.1.0") << target;
}

// ---------------------------------------------------------------- files

TEST_F(TokenApi, AFileGoesThereAndBack) {
  std::filesystem::create_directories(folder_ / "data");
  const std::string text(300'000, 'x');
  const auto put = client_->request(
      {.method = "PUT",
       .target = "/v1/files/web/conf/app.toml",
       .body = text,
       .headers = {{"mcp-file-mode", "0640"}, {"mcp-file-sha256", base::sha256_hex(text)}}});
  ASSERT_TRUE(put) << put.error().text();
  EXPECT_EQ(put->status, 200) << put->body;
  const auto answer = nlohmann::json::parse(put->body);
  EXPECT_EQ(answer["path"], "conf/app.toml");
  EXPECT_EQ(answer["size"], text.size());
  EXPECT_EQ(answer["mode"], "640");
  const auto got = get("/v1/files/web/conf/app.toml");
  EXPECT_EQ(got.body, text);
  EXPECT_EQ(got.headers.at("mcp-file-sha256"), base::sha256_hex(text));
  EXPECT_EQ(got.headers.at("mcp-file-size"), std::to_string(text.size()));
  const auto events = backend_.recorded();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].service.str(), "web");
  EXPECT_EQ(events[0].message, "PUT /v1/files/web/conf/app.toml");
}

TEST_F(TokenApi, WhatAStrangerSendsDoesNotSpeakToTheTerminal) {
  base::HttpRequest one = request("POST", "/v1/sync", "");
  one.path = "/v1/\x1b]0;owned\x07" + std::string(5000, 'x');
  EXPECT_FALSE(remote_.admit(one));
  const auto events = backend_.recorded();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_LT(events[0].message.size(), 400u);
  EXPECT_EQ(events[0].message.find('\x1b'), std::string::npos);
}

TEST_F(TokenApi, FilesThatCannotBeTakenAreRefused) {
  std::filesystem::create_directories(folder_ / "data");
  const std::tuple<const char*, std::string, int, const char*> table[] = {
      {"/v1/files/nosuch/f", "x", 404, "no service 'nosuch'"},
      {"/v1/files/..%2Fweb/f", "x", 404, "no service"},
      {"/v1/files/web/..%2Ff", "x", 400, "'..'"},
      {"/v1/files/web/%2Fetc%2Fpasswd", "x", 400, "absolute"},
      {"/v1/files/web/a%00b", "x", 400, "NUL"},
      {"/v1/files/web/f", std::string((1 << 20) + 1, 'x'), 507, "too large"}};
  for (const auto& [target, body, status, text] : table) {
    const auto response = call("PUT", target, body);
    EXPECT_EQ(response.status, status) << target << ": " << response.body;
    EXPECT_THAT(response.body, HasSubstr(text));
  }
  EXPECT_EQ(get("/v1/files/web/f").status, 404);
}

}  // namespace
}  // namespace agent
