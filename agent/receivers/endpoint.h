#pragma once

#include <string>

#include "agent/receivers/options.h"
#include "base/http/client.h"
#include "base/http/url.h"

// For this folder alone.
namespace agent {

// First line of a file that holds a secret. `what` names it in the message.
base::Result<std::string> read_secret(const std::string& file, const std::string& what);

// Where an HTTP receiver listens. Files are read at every call, so that what is in them can be
// exchanged. Any thread.
class Endpoint {
 public:
  Endpoint(std::string url, std::string url_file, std::string ca_file)
      : url_(std::move(url)), url_file_(std::move(url_file)), ca_file_(std::move(ca_file)) {}

  base::Result<base::HttpUrl> url() const;
  // Sends `call` there; its target is set to the URL's where it is "/". An answer other than 2xx is
  // an error. Messages name the host alone: a path can be a secret.
  base::Result<base::HttpResponse> send(const base::HttpUrl& url, base::HttpCall call) const;

 private:
  const std::string url_;
  const std::string url_file_;
  const std::string ca_file_;
};

// The value of an Authorization header: "Bearer token", or Basic for "user:password" (RFC 7617).
// kDenied: it would travel in the clear, and not just within this host.
base::Result<std::string> authorization(const std::string& secret, const base::HttpUrl& url);

}  // namespace agent
