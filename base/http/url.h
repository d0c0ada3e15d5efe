#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/core/result.h"

namespace base {

// An https URL, taken apart (RFC 3986).
struct HttpsUrl {
  std::string host;  // without the brackets of an IPv6 address
  uint16_t port = 443;
  std::string target = "/";  // path and query, as written

  // The path without its last slash, to put another behind it: "" or "/realms/home".
  std::string base() const;
};

// kInvalid, and why: another scheme (a token or a password must not travel in the clear), user
// names, fragments, characters that no URL has.
Result<HttpsUrl> parse_https_url(std::string_view text);

// The same, where what is sent may be read by others: http:// too, and its port is 80.
struct HttpUrl : HttpsUrl {
  bool tls = true;
  // "https://host:port", without the path, which may hold a secret.
  std::string origin() const;
};
Result<HttpUrl> parse_http_url(std::string_view text);

}  // namespace base
