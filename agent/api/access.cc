#include "agent/api/access.h"

#include <pwd.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <vector>

#include "agent/auth/text.h"

namespace agent {
namespace {

// Of denials, a minute: who knocks all day must not push the rest out of the registry.
constexpr int kDenialsAMinute = 20;
constexpr size_t kLongestPath = 200;   // of a stranger's, in an event
constexpr char kScheme[] = "Bearer ";  // its case does not count (RFC 9110 section 11.1)

std::string_view text_of(Role role) {
  switch (role) {
    case Role::kNone:
      return "none";
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      break;
  }
  return "operator";
}

// "uid 1000" with its name, when it has one.
std::string named(const std::string& peer) {
  uid_t uid = 0;
  const size_t space = peer.find(' ');
  if (space == std::string::npos) return peer;
  std::from_chars(peer.data() + space + 1, peer.data() + peer.size(), uid);
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? peer + " (" + found->pw_name + ")" : peer;
}

}  // namespace

base::Result<Caller> Access::who(const base::HttpRequest& request) const {
  if (validator_ == nullptr) return Caller{named(request.peer), Role::kOperator, "socket"};
  const auto header = request.headers.find("authorization");
  if (header == request.headers.end())
    return base::make_error(base::Code::kUnauthenticated, "no token was sent", "run mcp login");
  const std::string& value = header->second;
  if (::strncasecmp(value.c_str(), kScheme, std::strlen(kScheme)) != 0)
    return base::make_error(base::Code::kUnauthenticated,
                            "the Authorization header is not 'Bearer TOKEN'", "run mcp login");
  return validator_->validate(value.substr(std::strlen(kScheme)));
}

base::Result<> Access::admit(base::HttpRequest& request) {
  const Role needed = needed_role(request.method, request.route);
  if (needed == Role::kNone) return {};
  const auto caller = who(request);
  if (!caller) {
    write_down(request, "", true, caller.error().message);
    return caller.error();
  }
  request.user = caller->subject;
  if (caller->role < needed) {
    const std::string why = "'" + caller->subject + "' has the role " +
                            std::string(text_of(caller->role)) + ", and " + request.method + " " +
                            request.route + " needs " + std::string(text_of(needed));
    write_down(request, caller->subject, true, why);
    return base::make_error(base::Code::kDenied, why,
                            "whoever gives roles on this node can change that");
  }
  if (needed == Role::kOperator) write_down(request, caller->subject, false, "");
  return {};
}

void Access::write_down(const base::HttpRequest& request, const std::string& user, bool denied,
                        const std::string& why) {
  const auto now = std::chrono::floor<base::Millis>(std::chrono::system_clock::now());
  std::string more;
  if (denied) {
    const std::lock_guard lock(mutex_);
    if (now - minute_ >= std::chrono::minutes(1) || now < minute_) {
      minute_ = now;
      denials_ = 0;
    }
    if (++denials_ > kDenialsAMinute) {
      ++unsaid_;
      return;
    }
    if (unsaid_ > 0) more = "; " + std::to_string(unsaid_) + " more before were not written down";
    unsaid_ = 0;
  }
  std::string by = user;
  if (validator_ != nullptr) by += (by.empty() ? "from " : " from ") + request.peer;
  const auto service = request.captures.find("service");
  record_({.time = now,
           .warning = denied,
           .service = reconciler::ServiceName(
               denied || service == request.captures.end() ? "" : service->second),
           .reason = denied ? "Denied" : "Asked",
           .message = request.method + " " + printable(request.path).substr(0, kLongestPath) +
                      (denied ? ": " + why : "") + more,
           .cause = by});
}

}  // namespace agent
