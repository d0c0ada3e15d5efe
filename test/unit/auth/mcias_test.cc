#include "agent/auth/mcias.h"

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <thread>

#include "test/support/jwt_signer.h"

namespace agent {
namespace {

using base::Code;
using testing::HasSubstr;

// What a server would say; counts how often it was asked.
struct Server {
  std::string body = R"({"valid":true,"sub":"u-1","username":"alice","roles":["user"]})";
  int status = 200;
  bool down = false;
  std::atomic<int> asked = 0;
  base::TimePoint now{};

  MciasValidator validator(TokenCache::Limits limits = {}) {
    return MciasValidator(
        [this](const std::string&) -> base::Result<base::HttpResponse> {
          ++asked;
          if (down) return base::unavailable("nothing listens there");
          return base::HttpResponse{status, {}, body};
        },
        limits, [this] { return now; });
  }
};

std::string token(int number = 0) {
  static const test::JwtSigner signer("EdDSA");
  return signer.token({{"sub", "u-1"}, {"jti", number}, {"exp", 2000000000}});
}

TEST(Mcias, SaysWhoSomebodyIs) {
  const struct {
    const char* body;
    const char* subject;
  } table[] = {
      {R"({"valid":true,"sub":"u-1","username":"alice","roles":["user"]})", "alice"},
      {R"({"valid":true,"sub":"u-2","username":"root","roles":["admin","user"]})", "root"},
      {R"({"valid":true,"sub":"u-3","roles":["editor"]})", "u-3"},
      {R"({"valid":true,"sub":"s-1","username":"deployer","roles":[]})", "deployer"},
      {R"({"valid":true,"sub":"s-1","username":"deployer","roles":null})", "deployer"},
      {R"({"valid":true,"sub":"s-1","username":"deployer"})", "deployer"},
      {R"({"valid":true,"sub":"u-4","username":"a\nb\u001b[31m"})", "a?b?[31m"},
  };
  for (const auto& [body, subject] : table) {
    Server server;
    server.body = body;
    const auto caller = server.validator().validate(token());
    ASSERT_TRUE(caller) << body << ": " << caller.error().text();
    EXPECT_EQ(caller->subject, subject);
    EXPECT_EQ(caller->role, Role::kOperator);
    EXPECT_EQ(caller->via, "mcias");
  }
}

TEST(Mcias, ToldApart_NotKnown_NotAllowed_NobodyToAsk) {
  const struct {
    int status;
    const char* body;
    Code code;
    const char* why;
  } table[] = {
      {200, R"({"valid":false})", Code::kUnauthenticated, "has expired or was revoked"},
      {401, R"({"error":"invalid token","code":"unauthorized"})", Code::kUnauthenticated,
       "has expired or was revoked"},
      {403, R"({"error":"denied","code":"forbidden"})", Code::kDenied, "does not allow"},
      {200, R"({"valid":true,"sub":"g","username":"bob","roles":["guest"]})", Code::kDenied,
       "bob is a guest"},
      {200, R"({"valid":true,"sub":"g","username":"bob","roles":["user","guest"]})", Code::kDenied,
       "bob is a guest"},
      {500, "oops", Code::kUnavailable, "answered 500"},
      {302, "", Code::kUnavailable, "answered 302"},
      {429, "", Code::kUnavailable, "answered 429"},
      {200, "<html>", Code::kUnavailable, "unknown answer"},
      {200, "{}", Code::kUnavailable, "unknown answer"},
      {200, R"({"valid":"true","sub":"u"})", Code::kUnavailable, "unknown answer"},
      {200, R"({"valid":true,"sub":"u","roles":"admin"})", Code::kUnavailable, "unknown answer"},
      {200, R"({"valid":true})", Code::kUnavailable, "whose token"},
  };
  for (const auto& [status, body, code, why] : table) {
    Server server;
    server.status = status;
    server.body = body;
    const auto caller = server.validator().validate(token());
    ASSERT_FALSE(caller) << body;
    EXPECT_EQ(caller.error().code, code) << body;
    EXPECT_THAT(caller.error().message, HasSubstr(why)) << body;
  }
}

TEST(Mcias, WhatIsNoTokenOfItsIsRefusedWithoutAsking) {
  Server server;
  MciasValidator validator = server.validator();
  const test::JwtSigner other("ES256");
  for (const std::string& text : {std::string(), std::string("x"), std::string("a.b.c"),
                                  std::string(100'000, 'a'), other.token({{"exp", 2000000000}})})
    EXPECT_EQ(validator.validate(text).error().code, Code::kUnauthenticated);
  EXPECT_EQ(server.asked, 0);
}

TEST(Mcias, AnAnswerIsGoodForThirtySeconds) {
  Server server;
  MciasValidator validator = server.validator();
  ASSERT_TRUE(validator.validate(token()));
  server.now += std::chrono::milliseconds(29'999);
  ASSERT_TRUE(validator.validate(token()));
  EXPECT_EQ(server.asked, 1);
  server.body = R"({"valid":false})";  // revoked
  server.now += std::chrono::milliseconds(1);
  EXPECT_EQ(validator.validate(token()).error().code, Code::kUnauthenticated);
  EXPECT_EQ(validator.validate(token()).error().code, Code::kUnauthenticated);
  EXPECT_EQ(server.asked, 2);
}

TEST(Mcias, NobodyIsLetInWhenItCannotBeAsked) {
  Server server;
  MciasValidator validator = server.validator();
  server.down = true;
  EXPECT_EQ(validator.validate(token()).error().code, Code::kUnavailable);
  server.down = false;
  EXPECT_TRUE(validator.validate(token())) << "that it was down is not remembered";
  server.down = true;
  EXPECT_TRUE(validator.validate(token())) << "within the thirty seconds";
  server.now += std::chrono::seconds(30);
  EXPECT_EQ(validator.validate(token()).error().code, Code::kUnavailable);
}

TEST(Mcias, AFloodOfTokensCostsNoMoreThanItsLimit) {
  Server server;
  MciasValidator validator = server.validator({.answers = 4});
  for (int i = 0; i < 100; ++i) {
    server.now += std::chrono::milliseconds(1);
    ASSERT_TRUE(validator.validate(token(i)));
  }
  EXPECT_EQ(server.asked, 100);
  ASSERT_TRUE(validator.validate(token(96)));
  EXPECT_EQ(server.asked, 100) << "the newest are kept";
  ASSERT_TRUE(validator.validate(token(95)));
  EXPECT_EQ(server.asked, 101);
}

TEST(Mcias, OneAsksAboutATokenAndTheOthersWait) {
  std::latch asked(1), answer(1);
  std::atomic<int> questions = 0;
  TokenCache cache({.questions = 1}, monotonic_now);
  const auto ask = [&](const std::string& text) -> base::Result<Caller> {
    ++questions;
    asked.count_down();
    answer.wait();
    return Caller{text, Role::kViewer, "test"};
  };
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] { right += cache.get("a", ask)->subject == "a"; });
  asked.wait();
  const auto turned_away = cache.get("b", ask);
  EXPECT_EQ(turned_away.error().code, Code::kUnavailable) << "one question is the limit here";
  answer.count_down();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8);
  EXPECT_EQ(questions, 1);
}

}  // namespace
}  // namespace agent
