#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "agent/auth/token_cache.h"
#include "base/core/result.h"
#include "base/core/time.h"
#include "base/jwt/jwt.h"

namespace agent {

// The body of the document at an https URL; anything but a 200 is an error.
using Fetch = std::function<base::Result<std::string>(const std::string& url)>;

// Over TLS, within 5 s, at most 256 KiB, no redirect followed.
Fetch fetch_https(std::string ca_cert);

// The keys that an OIDC issuer signs with: found through its discovery document (OpenID Connect
// Discovery 1.0 section 4), kept for an hour, asked for again when a token names a key that is not
// among them, but at most once in 30 s. When the issuer cannot be asked, keys that it had serve for
// a day. Any thread; one asks at a time.
class Issuer {
 public:
  // `now` as for TokenCache.
  Issuer(std::string url, Fetch fetch, TokenCache::Now now);

  const std::string& url() const { return url_; }

  // Keys that such a token can be checked with, or the newest that there are.
  // kUnavailable: there are none, and the issuer cannot be asked.
  base::Result<std::shared_ptr<const base::JwtKeys>> keys_for(const base::JwtHint& hint);

 private:
  using Keys = std::shared_ptr<const base::JwtKeys>;
  struct State {
    Keys keys;  // null: never had
    base::TimePoint fetched;
    base::TimePoint tried;  // the last time, whether it went well or not
    base::Error error;      // of that time
    bool ever_tried = false;
  };
  State state() const;
  bool good(const State& state, const base::JwtHint& hint, base::Millis age) const;
  base::Result<Keys> fetch() const;

  const std::string url_;
  const Fetch fetch_;
  const TokenCache::Now now_;
  std::mutex asking_;  // held while the issuer is asked
  mutable std::mutex mutex_;
  State state_;
};

}  // namespace agent
