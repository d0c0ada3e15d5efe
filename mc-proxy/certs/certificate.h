#pragma once

#include <memory>
#include <string>

#include "base/core/result.h"
#include "base/core/time.h"

// Certificates as HAProxy takes them, checked before it sees them (OpenSSL).
namespace mc_proxy {

struct Certificate {
  std::shared_ptr<const std::string> pem;  // leaf, chain and key, without blank lines
  std::string fingerprint;                 // of `pem`: 32 hexadecimal digits
  base::TimePoint not_after;
};

struct CertificateFiles {
  std::string cert;
  std::string key;  // empty: in `cert`, or beside it with the ending .key
};

// Reads and checks. The error names the file and says what is wrong: missing, unreadable, no
// certificate, no key, a key that does not fit, not yet valid, expired, not for `hostname`, too
// weak for OpenSSL's security level (SSL_CTX_set_security_level(3)), no chain (nothing in the file
// signed the leaf, it is not self-signed, and no known root signed it: the system's, and those of
// the file `roots`), or a certificate in the file that signed no other of it.
base::Result<Certificate> load_certificate(const CertificateFiles& files,
                                           const std::string& hostname, const std::string& roots,
                                           base::TimePoint now);

// The same for one text that was taken before, or made here: all but the chain. `origin` is what
// errors call it.
base::Result<Certificate> check_certificate(const std::string& pem, const std::string& origin,
                                            const std::string& hostname, base::TimePoint now);

// The file that load_certificate() takes the key from.
std::string key_file(const CertificateFiles& files);

}  // namespace mc_proxy
