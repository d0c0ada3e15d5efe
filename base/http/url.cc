#include "base/http/url.h"

#include <algorithm>
#include <charconv>

namespace base {
namespace {

constexpr std::string_view kScheme = "https://";

bool all_of_url(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7F &&
           std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
  });
}

}  // namespace

std::string HttpsUrl::base() const {
  std::string path = target.substr(0, target.find('?'));
  while (path.ends_with('/')) path.pop_back();
  return path;
}

Result<HttpsUrl> parse_https_url(std::string_view text) {
  const auto bad = [&](const std::string& why) {
    return invalid("'" + std::string(text) + "' is not usable: " + why,
                   "write https://host[:port][/path]");
  };
  if (!text.starts_with(kScheme)) return bad("it does not begin with https://");
  if (!all_of_url(text)) return bad("it has characters that no URL has");
  std::string_view rest = text.substr(kScheme.size());
  if (rest.find('#') != rest.npos) return bad("it has a fragment");
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, end);
  HttpsUrl url;
  url.target = std::string(rest.substr(end));
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  if (authority.find('@') != authority.npos) return bad("it has a user name");
  const bool bracketed = authority.starts_with('[');
  const size_t close = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && close == authority.npos) return bad("a bracket is open");
  url.host = std::string(authority.substr(bracketed, close - bracketed));
  std::string_view port = close == authority.npos ? "" : authority.substr(close + bracketed);
  if (url.host.empty()) return bad("it names no host");
  if (port.empty()) return url;
  port.remove_prefix(1);
  const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (!authority.substr(close + bracketed).starts_with(':') || error != std::errc() ||
      stop != port.data() + port.size() || url.port == 0)
    return bad("its port is not a number from 1 to 65535");
  return url;
}

}  // namespace base
