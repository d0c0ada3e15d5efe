#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "base/core/time.h"

// How a person gets a token. What a server refuses is kUnauthenticated (wrong password, expired
// code) or kDenied (right, and not allowed); nothing here prints, stores or logs a secret.
namespace controller {

// ---------------------------------------------------------------- MCIAS

struct MciasServer {
  std::string url;      // https
  std::string ca_file;  // PEM; empty: the system's certificates
  std::string service_name;
  std::vector<std::string> tags;
};

struct MciasCredentials {
  std::string user;
  std::string password;
  std::string code;  // TOTP, RFC 6238; empty: none
};

struct MciasAnswer {
  bool wants_code =
      false;  // the password is right, and a code is needed besides: nothing else is set
  std::string token;
  std::string expires_at;  // RFC 3339, as the server says it; may be empty
};
base::Result<MciasAnswer> login_at_mcias(const MciasServer& server,
                                         const MciasCredentials& credentials);
// Revokes the token. One that is not valid any more is success.
base::Result<> logout_at_mcias(const MciasServer& server, const std::string& token);

// ---------------------------------------------------------------- OIDC

struct OidcProvider {
  std::string issuer;
  std::string client_id;  // of a public client: nothing here is a secret
  std::string ca_file;
  std::vector<std::string> scopes;
};

// The device authorization grant, RFC 8628: the person opens a page on any machine and enters a
// code, while this one asks whether that has happened.
class DeviceLogin {
 public:
  static base::Result<DeviceLogin> start(const OidcProvider& provider);

  const std::string& page() const { return page_; }            // where the code is entered
  const std::string& full_page() const { return full_page_; }  // with the code in it; may be empty
  const std::string& user_code() const { return user_code_; }
  base::Millis expires_in() const { return expires_in_; }  // since start()
  // How long to wait before each poll(); it can grow.
  base::Millis interval() const { return interval_; }

  // The id token; none while the person has not decided yet.
  base::Result<std::optional<std::string>> poll();

 private:
  OidcProvider provider_;
  std::string token_endpoint_;
  std::string device_code_;
  std::string user_code_;
  std::string page_;
  std::string full_page_;
  base::Millis expires_in_{0};
  base::Millis interval_{5000};  // RFC 8628 section 3.2
};

}  // namespace controller
