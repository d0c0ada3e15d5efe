#include "base/git/operation.h"

#include "base/git/library.h"

namespace base::git {
namespace {

thread_local Operation* current_operation = nullptr;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Error http_error(std::string_view message) {
  const std::string text(message);
  if (contains(text, "404"))
    return not_found(text, "there is no such repository on the server; check the url");
  if (contains(text, "403")) return make_error(Code::kDenied, text, "the account may not read it");
  return unavailable(text);
}

// mbedTLS 2.28, which Debian 12 builds libgit2 with, ends at TLS 1.2, and a server that insists on
// 1.3 answers its hello with an alert.
Error tls_error(const std::string& text) {
  if (contains(text, "SSL error: -0x") || contains(text, "SSL error: 0x"))
    if (contains(text, "fatal alert") || contains(text, "protocol version"))
      return make_error(Code::kUnavailable, "the TLS handshake failed: " + text,
                        "libgit2 here speaks TLS 1.2 at most: allow it on the git server, or use "
                        "ssh, or a libgit2 built with OpenSSL");
  return unavailable("the TLS connection failed: " + text);
}

// libgit2 has words of its own for each, and other ones in every version.
bool is_known_kind(const std::string& url) {
  const std::string kind = url.substr(0, url.find("://"));
  return kind == url || kind == "file" || kind == "http" || kind == "https" || kind == "ssh" ||
         kind == "git";
}

Error no_transport(const std::string& url) {
  if (url.find("://") == std::string::npos)
    return not_found("there is no folder '" + url + "'", "check the url");
  return invalid("this kind of url is not known",
                 "use a path, file://, https://, ssh:// or user@host:path");
}

Error classify(int code, const git_error* last, const std::string& url) {
  const std::string text = last == nullptr ? "no reason was given" : last->message;
  if (!is_known_kind(url) || contains(text, "unsupported URL protocol") ||
      contains(text, "unknown scheme"))
    return no_transport(url);
  if (code == GIT_ECERTIFICATE)
    return make_error(Code::kDenied, "the server's certificate is not trusted: " + text,
                      "set ca_file to the certificate of the CA that signed it");
  if (code == GIT_EAUTH || contains(text, "authentication"))
    return make_error(Code::kUnauthenticated, text, "check username and password_file");
  const int klass = last == nullptr ? GIT_ERROR_NONE : last->klass;
  if (contains(text, "unexpected http status code")) return http_error(text);
  if (klass == GIT_ERROR_SSL) return tls_error(text);
  if (klass == GIT_ERROR_NET || klass == GIT_ERROR_HTTP || klass == GIT_ERROR_SSH)
    return unavailable(text);
  if (klass == GIT_ERROR_REPOSITORY || contains(text, "No such file or directory"))
    return not_found(text, "check the url");
  Error error = last_error(code, "transfer");
  error.message = text;
  return error;
}

}  // namespace

Operation::Operation(const Remote& remote) : remote(remote), deadline(remote.timeout) {
  current_operation = this;
}

Operation::~Operation() {
  current_operation = nullptr;
}

Operation* Operation::current() {
  return current_operation;
}

int Operation::fail(Error what) {
  if (!error) error = std::move(what);
  git_error_set_str(GIT_ERROR_CALLBACK, error->message.c_str());
  return GIT_EUSER;
}

Error remote_error(int code, const Operation& operation, const std::string& what) {
  if (operation.error) return operation.error->within(what);
  if (operation.deadline.passed()) return operation.deadline.error("the transfer").within(what);
  return classify(code, git_error_last(), operation.remote.url).within(what);
}

}  // namespace base::git
