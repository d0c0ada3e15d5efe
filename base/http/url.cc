#include "base/http/url.h"

#include <algorithm>
#include <charconv>

namespace base {
namespace {

constexpr std::string_view kTls = "https://";
constexpr std::string_view kPlain = "http://";

bool all_of_url(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7F &&
           std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
  });
}

Error unusable(std::string_view text, const std::string& why) {
  return invalid("'" + std::string(text) + "' is not usable: " + why,
                 "write https://host[:port][/path]");
}

// What follows the scheme.
Result<> read_rest(std::string_view text, size_t scheme, HttpsUrl& url) {
  const auto bad = [&](const std::string& why) { return unusable(text, why); };
  if (!all_of_url(text)) return bad("it has characters that no URL has");
  std::string_view rest = text.substr(scheme);
  if (rest.find('#') != rest.npos) return bad("it has a fragment");
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, end);
  url.target = std::string(rest.substr(end));
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  if (authority.find('@') != authority.npos) return bad("it has a user name");
  const bool bracketed = authority.starts_with('[');
  const size_t close = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && close == authority.npos) return bad("a bracket is open");
  url.host = std::string(authority.substr(bracketed, close - bracketed));
  std::string_view port = close == authority.npos ? "" : authority.substr(close + bracketed);
  if (url.host.empty()) return bad("it names no host");
  if (port.empty()) return {};
  port.remove_prefix(1);
  const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (!authority.substr(close + bracketed).starts_with(':') || error != std::errc() ||
      stop != port.data() + port.size() || url.port == 0)
    return bad("its port is not a number from 1 to 65535");
  return {};
}

}  // namespace

std::string HttpsUrl::base() const {
  std::string path = target.substr(0, target.find('?'));
  while (path.ends_with('/')) path.pop_back();
  return path;
}

std::string HttpUrl::origin() const {
  const bool six = host.find(':') != std::string::npos;
  return std::string(tls ? kTls : kPlain) + (six ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}

Result<HttpsUrl> parse_https_url(std::string_view text) {
  HttpsUrl url;
  if (text.starts_with(kTls)) {
    MCP_CHECK(read_rest(text, kTls.size(), url));
    return url;
  }
  return unusable(text, "it does not begin with https://");
}

Result<HttpUrl> parse_http_url(std::string_view text) {
  HttpUrl url;
  url.tls = !text.starts_with(kPlain);
  if (!url.tls) url.port = 80;
  if (url.tls && !text.starts_with(kTls))
    return unusable(text, "it does not begin with https:// or http://");
  MCP_CHECK(read_rest(text, url.tls ? kTls.size() : kPlain.size(), url));
  return url;
}

}  // namespace base
