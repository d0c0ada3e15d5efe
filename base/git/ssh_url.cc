#include "base/git/ssh_url.h"

#include <charconv>

namespace base::git {
namespace {

constexpr auto npos = std::string_view::npos;

// Takes "user@" off the front.
std::string take_user(std::string_view& authority) {
  const size_t at = authority.rfind('@');
  if (at == npos) return {};
  std::string user(authority.substr(0, at));
  authority.remove_prefix(at + 1);
  return user.substr(0, user.find(':'));
}

bool set_host(SshUrl& url, std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    const size_t end = text.find(']');
    if (end == npos) return false;
    url.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
  } else {
    url.host = text.substr(0, text.find(':'));
    text.remove_prefix(url.host.size());
  }
  // A host that starts with '-' would be an option to whoever passes it on.
  if (url.host.empty() || url.host.front() == '-') return false;
  if (text.empty()) return true;
  text.remove_prefix(1);
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), url.port);
  return failed == std::errc() && end == text.data() + text.size() && url.port > 0 &&
         url.port < 65536;
}

}  // namespace

std::optional<SshUrl> parse_ssh_url(std::string_view text) {
  SshUrl url;
  if (const size_t scheme = text.find("://"); scheme != npos) {
    if (text.substr(0, scheme) != "ssh" && text.substr(0, scheme) != "git+ssh") return std::nullopt;
    text.remove_prefix(scheme + 3);
    const size_t slash = text.find('/');
    if (slash == npos) return std::nullopt;
    url.path = text.substr(slash);
    // "/~user/x" is below a home directory.
    if (url.path.starts_with("/~")) url.path.erase(0, 1);
    std::string_view authority = text.substr(0, slash);
    url.user = take_user(authority);
    return set_host(url, authority) ? std::optional(url) : std::nullopt;
  }
  const size_t bracket = text.find(']');
  const size_t colon = text.find(':', bracket == npos ? 0 : bracket);
  if (colon == npos || text.find('/') < colon) return std::nullopt;
  url.path = text.substr(colon + 1);
  std::string_view authority = text.substr(0, colon);
  url.user = take_user(authority);
  return set_host(url, authority) && !url.path.empty() ? std::optional(url) : std::nullopt;
}

}  // namespace base::git
