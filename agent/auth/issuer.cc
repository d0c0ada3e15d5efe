#include "agent/auth/issuer.h"

#include <nlohmann/json.hpp>

#include "base/http/client.h"
#include "base/http/url.h"

namespace agent {
namespace {

using Json = nlohmann::json;

constexpr base::Millis kDeadline{5000};
constexpr size_t kMaxDocument = 256 * 1024;  // bytes
constexpr base::Millis kFresh = std::chrono::hours(1);
constexpr base::Millis kUsable = std::chrono::hours(24);
constexpr base::Millis kBetweenTries{30'000};

std::string text_of(const Json& document, const char* name) {
  if (!document.is_object()) return {};
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Fetch fetch_https(std::string ca_cert) {
  return [ca_cert = std::move(ca_cert)](const std::string& text) -> base::Result<std::string> {
    MCP_TRY(const base::HttpsUrl url, base::parse_https_url(text));
    base::HttpClient client(base::HttpAddress::https(url.host, url.port, ca_cert));
    base::HttpCall call;
    call.target = url.target;
    call.headers["Accept"] = "application/json";
    call.deadline = kDeadline;
    std::string body;
    const auto response = client.stream(call, [&](std::string_view piece) {
      body += piece;
      return body.size() <= kMaxDocument;
    });
    if (!response) return response.error().within("cannot read " + text);
    if (response->status != 200)
      return base::unavailable("cannot read " + text + ": it answers " +
                               std::to_string(response->status));
    if (body.size() > kMaxDocument)
      return base::unavailable("cannot read " + text + ": it is longer than 256 KiB");
    return body;
  };
}

Issuer::Issuer(std::string url, Fetch fetch, TokenCache::Now now)
    : url_(std::move(url)), fetch_(std::move(fetch)), now_(std::move(now)) {}

Issuer::State Issuer::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool Issuer::good(const State& state, const base::JwtHint& hint, base::Millis age) const {
  return state.keys && now_() - state.fetched < age && state.keys->has_key_for(hint);
}

base::Result<Issuer::Keys> Issuer::keys_for(const base::JwtHint& hint) {
  State seen = state();
  if (good(seen, hint, kFresh)) return seen.keys;
  std::unique_lock asking(asking_, std::defer_lock);
  // Who has a key that will do does not wait for somebody else's question.
  if (!good(seen, hint, kUsable))
    asking.lock();
  else if (!asking.try_lock())
    return seen.keys;
  seen = state();  // somebody may have asked while we waited
  if (!good(seen, hint, kFresh) && (!seen.ever_tried || now_() - seen.tried >= kBetweenTries)) {
    auto keys = fetch();
    seen.tried = now_();
    seen.ever_tried = true;
    if (keys) {
      seen.keys = std::move(*keys);
      seen.fetched = seen.tried;
    } else {
      seen.error = std::move(keys).error();
    }
    const std::lock_guard lock(mutex_);
    state_ = seen;
  }
  if (seen.keys && now_() - seen.fetched < kUsable) return seen.keys;
  return base::unavailable(
      "cannot check the token: the keys of " + url_ + " cannot be had: " + seen.error.message,
      "nobody of that issuer is let in before it answers");
}

base::Result<Issuer::Keys> Issuer::fetch() const {
  std::string base = url_;
  while (base.ends_with('/')) base.pop_back();
  MCP_TRY(const std::string text, fetch_(base + "/.well-known/openid-configuration"));
  const Json discovery = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  // Section 4.3: or one issuer could pass its keys off as another's.
  if (const std::string said = text_of(discovery, "issuer"); said != url_)
    return base::unavailable("its discovery document is that of '" + said + "'");
  const std::string jwks = text_of(discovery, "jwks_uri");
  if (jwks.empty()) return base::unavailable("its discovery document names no jwks_uri");
  MCP_TRY(const std::string keys, fetch_(jwks));
  MCP_TRY(base::JwtKeys parsed, base::JwtKeys::parse(keys));
  return std::make_shared<const base::JwtKeys>(std::move(parsed));
}

}  // namespace agent
