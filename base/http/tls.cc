#include "base/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "base/log/log.h"

namespace base {
namespace {

// Why OpenSSL refused, and nothing left for the next to find.
std::string why() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "unknown";
}

std::string stamp_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return "-";
  return std::to_string(info.st_ino) + "." + std::to_string(info.st_size) + "." +
         std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
}

}  // namespace

Result<std::unique_ptr<TlsIdentity>> TlsIdentity::load(std::string certificate, std::string key) {
  std::unique_ptr<TlsIdentity> identity(new TlsIdentity(std::move(certificate), std::move(key)));
  identity->stamp_ = identity->stamp();
  MCP_TRY(identity->context_, identity->read());
  return identity;
}

Result<TlsIdentity::Context> TlsIdentity::read() const {
  Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return make_error(Code::kExhausted, "cannot make a TLS context: " + why());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_.c_str()) != 1)
    return invalid("cannot use the certificate " + certificate_ + ": " + why(),
                   "a PEM file that this user may read, the server's certificate first");
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_.c_str(), SSL_FILETYPE_PEM) != 1)
    return invalid("cannot use the key " + key_ + " with " + certificate_ + ": " + why(),
                   "the PEM file of the certificate's key, without a passphrase");
  return context;
}

std::string TlsIdentity::stamp() const {
  return stamp_of(certificate_) + "/" + stamp_of(key_);
}

ssl_st* TlsIdentity::accept() {
  const std::lock_guard lock(mutex_);
  if (std::string now = stamp(); now != stamp_) {
    stamp_ = std::move(now);
    if (auto context = read(); context) {
      context_ = std::move(*context);
      log::info("certificate " + certificate_ + " is in use as it was changed");
    } else {
      log::error(context.error().text() + "; the one before stays in use");
    }
  }
  return SSL_new(context_.get());
}

}  // namespace base
