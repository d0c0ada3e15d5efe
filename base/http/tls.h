#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/core/result.h"

struct ssl_st;
struct ssl_ctx_st;

// For this folder alone.
namespace base {

// A server's certificate chain and key, read again when the files change. TLS 1.3 alone (RFC 8446).
// Any thread.
class TlsIdentity {
 public:
  // `key` may be the same file. The error says which file and why.
  static Result<std::unique_ptr<TlsIdentity>> load(std::string certificate, std::string key);

  // The server's side of a new connection; SSL_free() is the caller's. Null: out of memory.
  // Files that have changed and cannot be used are said in the log once, and what was in use stays.
  ssl_st* accept();

 private:
  using Context = std::shared_ptr<ssl_ctx_st>;
  TlsIdentity(std::string certificate, std::string key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}
  Result<Context> read() const;
  std::string stamp() const;  // differs when a file does

  const std::string certificate_;
  const std::string key_;
  std::mutex mutex_;
  std::string stamp_;
  Context context_;
};

}  // namespace base
