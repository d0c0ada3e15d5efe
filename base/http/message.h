#pragma once

#include <map>
#include <string>
#include <string_view>

namespace base {

// Field names are lower case (RFC 9110 section 5.1: they are case-insensitive); a field that came
// several times has its values joined by ", ".
using HttpHeaders = std::map<std::string, std::string>;
void add_header(HttpHeaders& headers, std::string_view name, std::string_view value);

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
  bool ok() const { return status >= 200 && status < 300; }
};

// Percent-encoding (RFC 3986 section 2.3: all but unreserved characters), for one path segment or
// one query value.
std::string url_encode(std::string_view text);
// %XX only; '+' stays. Malformed escapes are kept as they are.
std::string url_decode(std::string_view text);
// "?a=1&b=2", values encoded; empty for no parameters.
std::string url_query(const std::map<std::string, std::string>& parameters);

}  // namespace base
