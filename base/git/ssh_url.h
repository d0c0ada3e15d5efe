#pragma once

#include <optional>
#include <string>
#include <string_view>

// Private to this folder.
namespace base::git {

struct SshUrl {
  std::string user;  // empty: not said
  std::string host;
  int port = 22;
  std::string path;
};

// ssh://[user@]host[:port]/path or [user@]host:path (git-fetch(1), GIT URLS); none: it is not one
// of them.
std::optional<SshUrl> parse_ssh_url(std::string_view url);

}  // namespace base::git
