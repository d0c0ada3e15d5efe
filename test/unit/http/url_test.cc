#include "base/http/url.h"

#include <gmock/gmock.h>

namespace base {
namespace {

TEST(HttpsUrl, IsTakenApart) {
  const struct {
    const char* text;
    const char* host;
    int port;
    const char* target;
    const char* base;
  } table[] = {
      {"https://id.example", "id.example", 443, "/", ""},
      {"https://id.example/", "id.example", 443, "/", ""},
      {"https://id.example:8443/realms/home/", "id.example", 8443, "/realms/home/", "/realms/home"},
      {"https://id.example?x=1", "id.example", 443, "/?x=1", ""},
      {"https://[::1]:9444/a?b=c", "::1", 9444, "/a?b=c", "/a"},
      {"https://[::1]", "::1", 443, "/", ""},
  };
  for (const auto& [text, host, port, target, base] : table) {
    const auto url = parse_https_url(text);
    ASSERT_TRUE(url) << url.error().text();
    EXPECT_EQ(url->host, host) << text;
    EXPECT_EQ(url->port, port) << text;
    EXPECT_EQ(url->target, target) << text;
    EXPECT_EQ(url->base(), base) << text;
  }
}

TEST(HttpsUrl, WhatWouldLeadElsewhereIsRefused) {
  const std::pair<std::string, const char*> table[] = {
      {"http://id.example", "does not begin with https://"},
      {"HTTPS://id.example", "does not begin with https://"},
      {"id.example", "does not begin with https://"},
      {"", "does not begin with https://"},
      {"https://", "names no host"},
      {"https:///path", "names no host"},
      {"https://::1/", "names no host"},
      {"https://good.example@evil.example/", "has a user name"},
      {"https://id.example/#a", "has a fragment"},
      {"https://id.example/a b", "characters that no URL has"},
      {"https://id.example/\r\nHost: x", "characters that no URL has"},
      {"https://id.example\\@evil.example", "characters that no URL has"},
      {"https://id.example:0", "its port is not"},
      {"https://id.example:65536", "its port is not"},
      {"https://id.example:", "its port is not"},
      {"https://id.example:4x", "its port is not"},
      {"https://[::1", "a bracket is open"},
      {"https://[::1]x", "its port is not"},
  };
  for (const auto& [text, why] : table) {
    const auto url = parse_https_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_THAT(url.error().message, testing::HasSubstr(why)) << text;
  }
}

}  // namespace
}  // namespace base
