#include "agent/auth/oidc.h"

#include <gmock/gmock.h>

#include <cstdint>

#include "agent/auth/validators.h"
#include "test/support/jwt_signer.h"

namespace agent {
namespace {

using base::Code;
using Json = nlohmann::json;
using test::JwtSigner;
using testing::HasSubstr;

constexpr int64_t kNow = 1'800'000'000;
const char* const kHome = "https://id.example/realms/home";
const char* const kCi = "https://ci.example";
const char* const kGitLab = "https://gitlab.example";

// Issuers behind a Fetch, and a validator that trusts them.
class Oidc : public testing::Test {
 protected:
  Oidc() {
    publish(kHome, {home_.jwk()});
    publish(kCi, {ci_.jwk()});
    publish(kGitLab, {gitlab_.jwk()});
  }

  void publish(const std::string& issuer, const std::vector<Json>& keys) {
    pages_[issuer + "/.well-known/openid-configuration"] =
        Json{{"issuer", issuer}, {"jwks_uri", issuer + "/keys"}}.dump();
    pages_[issuer + "/keys"] = test::key_set(keys);
  }

  base::Result<Caller> validate(const std::string& token) { return validator_.validate(token); }

  static Json people(const Json& more = {}) {
    Json claims = {{"iss", kHome},
                   {"sub", "248289"},
                   {"aud", "mcp"},
                   {"exp", kNow + 300},
                   {"groups", {"staff"}}};
    if (more.is_object()) claims.update(more);
    return claims;
  }
  static Json job(const Json& more = {}) {
    Json claims = {{"iss", kCi},
                   {"sub", "repo:org/app:ref:refs/heads/main"},
                   {"aud", {"mcp-ci"}},
                   {"exp", kNow + 300},
                   {"nbf", kNow - 5},
                   {"repository", "org/app"},
                   {"ref", "refs/heads/main"}};
    if (more.is_object()) claims.update(more);
    return claims;
  }

  // As docs.gitlab.com/ci/secrets/id_token_authentication has it: ids and what is true are strings,
  // the number of a runner is not, what does not apply may be null.
  static Json gitlab(const Json& more = {}) {
    Json claims = {{"iss", kGitLab},
                   {"sub", "project_path:group/app:ref_type:branch:ref:main"},
                   {"aud", "mcp-ci"},
                   {"exp", kNow + 3600},
                   {"nbf", kNow - 5},
                   {"iat", kNow},
                   {"jti", "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b"},
                   {"namespace_id", "72"},
                   {"namespace_path", "group"},
                   {"project_id", "20"},
                   {"project_path", "group/app"},
                   {"user_id", "1"},
                   {"user_login", "carol"},
                   {"user_email", "carol@gitlab.example"},
                   {"user_identities", {{{"provider", "github"}, {"extern_uid", "2435"}}}},
                   {"groups_direct", {"group", "other/group"}},
                   {"pipeline_id", "574"},
                   {"pipeline_source", "push"},
                   {"job_id", "302"},
                   {"ref", "main"},
                   {"ref_type", "branch"},
                   {"ref_path", "refs/heads/main"},
                   {"ref_protected", "true"},
                   {"environment", nullptr},
                   {"runner_id", 1},
                   {"runner_environment", "self-hosted"},
                   {"project_visibility", "private"}};
    if (more.is_object()) claims.update(more);
    return claims;
  }

  JwtSigner home_{"ES256", "h1"};
  JwtSigner ci_{"EdDSA", "c1"};
  JwtSigner gitlab_{"RS256", "g1"};
  std::map<std::string, std::string> pages_;
  int fetched_ = 0;
  bool down_ = false;
  base::TimePoint monotonic_{};
  OidcValidator validator_{
      {{kHome,
        "mcp",
        "",
        {{Role::kOperator, {{"groups", "ops"}}}, {Role::kViewer, {{"groups", "staff"}}}}},
       {kCi,
        "mcp-ci",
        "",
        {{Role::kOperator, {{"repository", "org/app"}, {"ref", "refs/heads/*"}}}}},
       {kCi, "mcp-read", "", {{Role::kViewer, {{"repository", "org/*"}}}}},
       {kGitLab,
        "mcp-ci",
        "",
        {{Role::kOperator,
          {{"project_path", "group/app"}, {"ref_type", "branch"}, {"ref_protected", "true"}}},
         {Role::kViewer, {{"sub", "project_path:group/*"}}}}}},
      {.fetch =
           [this](const std::string&) {
             return [this](const std::string& url) -> base::Result<std::string> {
               ++fetched_;
               if (down_ || !pages_.contains(url))
                 return base::unavailable("nothing listens there");
               return pages_.at(url);
             };
           },
       .now = [] { return base::TimePoint(std::chrono::seconds(kNow)); },
       .monotonic = [this] { return monotonic_; }}};
};

TEST_F(Oidc, ClaimsDecideTheRole) {
  const struct {
    std::string token;
    Role role;
    const char* subject;
  } table[] = {
      {home_.token(people()), Role::kViewer, "248289"},
      {home_.token(people({{"groups", {"staff", "ops"}}, {"preferred_username", "alice"}})),
       Role::kOperator, "alice (248289)"},
      {home_.token(people({{"groups", "ops"}})), Role::kOperator, "248289"},
      {home_.token(people({{"aud", {"other", "mcp"}}})), Role::kViewer, "248289"},
      {ci_.token(job()), Role::kOperator, "repo:org/app:ref:refs/heads/main"},
      {ci_.token(job({{"aud", "mcp-read"}})), Role::kViewer, "repo:org/app:ref:refs/heads/main"},
      {ci_.token(job({{"exp", kNow - 59}})), Role::kOperator, "repo:org/app:ref:refs/heads/main"},
      {gitlab_.token(gitlab()), Role::kOperator, "project_path:group/app:ref_type:branch:ref:main"},
      {gitlab_.token(gitlab({{"ref_protected", "false"}})), Role::kViewer,
       "project_path:group/app:ref_type:branch:ref:main"},
      {gitlab_.token(gitlab({{"project_path", "group/lib"},
                             {"sub", "project_path:group/lib:ref_type:tag:ref:v1"},
                             {"ref", "v1"},
                             {"ref_type", "tag"}})),
       Role::kViewer, "project_path:group/lib:ref_type:tag:ref:v1"},
  };
  for (const auto& [token, role, subject] : table) {
    const auto caller = validate(token);
    ASSERT_TRUE(caller) << subject << ": " << caller.error().text();
    EXPECT_EQ(caller->role, role);
    EXPECT_EQ(caller->subject, subject);
  }
  EXPECT_EQ(validate(ci_.token(job()))->via, kCi);
}

TEST_F(Oidc, WhoIsTurnedAwayIsToldWhy) {
  const struct {
    const char* what;
    std::string token;
    Code code;
    const char* why;
  } table[] = {
      {"no group of ours", home_.token(people({{"groups", {"guests"}}})), Code::kDenied,
       "has no role here"},
      {"no groups", home_.token(people({{"groups", Json::array()}})), Code::kDenied,
       "has no role here"},
      {"the beginning of a group", home_.token(people({{"groups", {"ops2"}}})), Code::kDenied,
       "has no role here"},
      {"another repository", ci_.token(job({{"repository", "org/app2"}})), Code::kDenied,
       "has no role here"},
      {"another organisation", ci_.token(job({{"repository", "organ/app"}, {"aud", "mcp-read"}})),
       Code::kDenied, "has no role here"},
      {"a tag", ci_.token(job({{"ref", "refs/tags/v1"}})), Code::kDenied, "has no role here"},
      {"a claim in pieces", ci_.token(job({{"repository", {{"name", "org/app"}}}})), Code::kDenied,
       "has no role here"},
      {"another group of GitLab",
       gitlab_.token(gitlab({{"project_path", "stranger/app"},
                             {"sub", "project_path:stranger/app:ref_type:branch:ref:main"}})),
       Code::kDenied, "has no role here"},
      {"another audience", home_.token(people({{"aud", "grafana"}})), Code::kUnauthenticated,
       "made for another audience"},
      {"another audience in a list", home_.token(people({{"aud", {"a", "b"}}})),
       Code::kUnauthenticated, "made for another audience"},
      {"no audience", home_.token(people({{"aud", Json()}})), Code::kUnauthenticated,
       "made for another audience"},
      {"the other issuer's audience", home_.token(people({{"aud", "mcp-ci"}})),
       Code::kUnauthenticated, "made for another audience"},
      {"expired", home_.token(people({{"exp", kNow - 60}})), Code::kUnauthenticated,
       "it expired at"},
      {"not yet", home_.token(people({{"nbf", kNow + 61}})), Code::kUnauthenticated,
       "it is good from"},
      {"an unknown issuer", home_.token(people({{"iss", "https://evil.example"}})),
       Code::kUnauthenticated, "is not trusted here"},
      {"an issuer with a slash more", home_.token(people({{"iss", std::string(kHome) + "/"}})),
       Code::kUnauthenticated, "is not trusted here"},
      {"no issuer", home_.token(people({{"iss", Json()}})), Code::kUnauthenticated, "not trusted"},
      {"signed by the other issuer", ci_.token(people()), Code::kUnauthenticated, "no such key"},
      {"the other issuer's claims", home_.token(job(), {{"kid", "c1"}}), Code::kUnauthenticated,
       "no such key"},
      {"nobody's", home_.token(people({{"sub", ""}})), Code::kUnauthenticated, "whose it is"},
      {"alg none",
       test::base64url(R"({"alg":"none"})") + "." + test::base64url(people().dump()) + ".",
       Code::kUnauthenticated, "its algorithm is none of"},
      {"HS256 with the public key", test::token_with_secret(people(), home_.public_pem()),
       Code::kUnauthenticated, "its algorithm is none of"},
  };
  for (const auto& [what, token, code, why] : table) {
    const auto caller = validate(token);
    ASSERT_FALSE(caller) << what;
    EXPECT_EQ(caller.error().code, code) << what;
    EXPECT_THAT(caller.error().message, HasSubstr(why)) << what;
  }
}

TEST_F(Oidc, KeysAreAskedForOnceAndAgainWhenOneIsUnknown) {
  ASSERT_TRUE(validate(ci_.token(job())));
  ASSERT_TRUE(validate(ci_.token(job())));
  EXPECT_EQ(fetched_, 2) << "discovery and keys";
  const JwtSigner next("RS256", "c2");
  publish(kCi, {ci_.jwk(), next.jwk()});
  EXPECT_FALSE(validate(next.token(job()))) << "30 s between two questions";
  EXPECT_EQ(fetched_, 2);
  monotonic_ += std::chrono::seconds(30);
  EXPECT_TRUE(validate(next.token(job())));
  EXPECT_EQ(fetched_, 4);
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(validate(ci_.token(job(), {{"kid", std::to_string(i)}})));
  EXPECT_EQ(fetched_, 4) << "a flood of unknown keys asks nobody";
  monotonic_ += std::chrono::hours(1);
  publish(kCi, {next.jwk()});
  EXPECT_FALSE(validate(ci_.token(job()))) << "a key that was taken back is gone after an hour";
}

TEST_F(Oidc, AnIssuerThatIsDownKeepsItsKeysForADay) {
  down_ = true;
  const auto refused = validate(ci_.token(job()));
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("nothing listens there"));
  EXPECT_EQ(validate(ci_.token(job())).error().code, Code::kUnavailable);
  EXPECT_EQ(fetched_, 1) << "not again at once";
  down_ = false;
  monotonic_ += std::chrono::seconds(30);
  EXPECT_TRUE(validate(ci_.token(job())));
  down_ = true;
  monotonic_ += std::chrono::hours(23);
  EXPECT_TRUE(validate(ci_.token(job())));
  monotonic_ += std::chrono::hours(1);
  EXPECT_EQ(validate(ci_.token(job())).error().code, Code::kUnavailable);
}

TEST_F(Oidc, WhatAnIssuerSaysIsNotTakenOnTrust) {
  const std::string discovery = std::string(kCi) + "/.well-known/openid-configuration";
  const std::pair<std::string, const char*> table[] = {
      {Json{{"issuer", kHome}, {"jwks_uri", std::string(kCi) + "/keys"}}.dump(), "is that of"},
      {Json{{"issuer", kCi}}.dump(), "names no jwks_uri"},
      {"<html>", "is that of ''"},
      {Json{{"issuer", kCi}, {"jwks_uri", discovery}}.dump(), "not a JSON Web Key Set"},
  };
  for (const auto& [page, why] : table) {
    pages_[discovery] = page;
    monotonic_ += std::chrono::minutes(1);
    const auto caller = validate(ci_.token(job()));
    ASSERT_FALSE(caller) << page;
    EXPECT_EQ(caller.error().code, Code::kUnavailable) << page;
    EXPECT_THAT(caller.error().message, HasSubstr(why));
  }
  EXPECT_THAT(fetch_https("")("http://ci.example/keys").error().message,
              HasSubstr("does not begin with https://"));
}

TEST(Trust, RulesThatLetInStrangersAreRefused) {
  const std::string github = "https://token.actions.githubusercontent.com";
  const auto trust = [](const std::string& issuer, std::vector<ClaimRule> rules) {
    return Trust{issuer, "mcp", "", {{Role::kOperator, std::move(rules)}}};
  };
  const struct {
    Trust trust;
    const char* why;  // empty: it is fine
  } table[] = {
      {trust(github, {{"repository", "org/app"}}), ""},
      {trust(github, {{"repository", "org/*"}, {"ref", "refs/heads/main"}}), ""},
      {trust(github, {{"sub", "repo:org/app:*"}}), ""},
      {trust(github, {{"repository_owner", "org"}}), ""},
      {trust("https://gitlab.com", {{"project_path", "group/app"}}), ""},
      {trust("https://git.home.example", {{"ref", "main"}}), ""},
      {trust("https://gitlab.com", {{"groups_direct", "org/ops"}}), "says whose are meant"},
      {trust(github, {{"actor", "alice"}}), "says whose are meant"},
      {trust(github, {{"job_workflow_ref", "org/app/.github/workflows/x.yml@refs/heads/main"}}),
       "says whose are meant"},
      {trust(github, {{"ref", "refs/heads/main"}}), "says whose are meant"},
      {trust(github, {}), "says whose are meant"},
      {trust(github, {{"repository", "org*"}}), "says whose are meant"},
      {trust(github, {{"sub", "repo:*"}}), "says whose are meant"},
      {trust("https://gitlab.com", {{"ref_protected", "true"}}), "says whose are meant"},
      {trust(github, {{"repository", "*"}}), "fits every value"},
      {trust(github, {{"repository", "*/app"}}), "has a '*' before its end"},
      {trust(github, {{"repository", ""}}), "may not be empty"},
      {trust("http://git.home.example", {{"ref", "main"}}), "does not begin with https://"},
      {trust("https://user@git.home.example", {{"ref", "main"}}), "has a user name"},
      {Trust{github, "", "", {}}, "needs an audience"},
  };
  for (const auto& [one, why] : table) {
    const auto checked = check_trust(one);
    EXPECT_EQ(checked.has_value(), *why == '\0') << one.issuer << " " << why;
    if (!checked) {
      EXPECT_THAT(checked.error().message, HasSubstr(why));
    }
  }
}

TEST(Validators, NothingConfiguredIsNoValidator) {
  EXPECT_EQ(*make_validator({}, {}), nullptr);
  EXPECT_FALSE(make_validator({"http://mcias.example", ""}, {}));
  EXPECT_NE(*make_validator({"https://mcias.example", ""}, {}), nullptr);
}

}  // namespace
}  // namespace agent
