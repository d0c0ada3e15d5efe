#include "mc-proxy/certs/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/core/text.h"
#include "mc-proxy/certs/openssl.h"

namespace mc_proxy {
namespace {

using base::Result;
using base::TimePoint;

constexpr size_t kMaxFile = 1 << 20;

Result<std::string> read_file(const std::string& path, const char* what) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(path, ignored);
  std::ifstream in(path, std::ios::binary);
  if (folder || !in) {
    const int error = folder ? EISDIR : errno;
    return base::invalid(std::string(what) + " " + path + ": " + std::strerror(error),
                         error == EACCES ? "let the user that mc-proxy runs as read it"
                                         : "put the file there, or name another");
  }
  std::string text(kMaxFile + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kMaxFile)
    return base::invalid(std::string(what) + " " + path + ": larger than 1 MiB");
  return text;
}

std::vector<X509Ptr> certificates_of(const std::string& pem) {
  std::vector<X509Ptr> all;
  const BioPtr in = reading(pem);
  while (X509* one = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) all.emplace_back(one);
  ERR_clear_error();
  return all;
}

// No password is ever asked for.
int no_password(char*, int, int, void*) {
  return -1;
}

TimePoint time_of(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return TimePoint(std::chrono::seconds(::timegm(&parts)));
}

std::string subject_of(X509* certificate) {
  const BioPtr out = writing();
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  return text_of(out.get());
}

bool self_signed(X509* certificate) {
  return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

// Whether a root that is known signed the leaf itself.
bool signed_by_known_root(X509* leaf, const std::string& roots) {
  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store(X509_STORE_new());
  X509_STORE_set_default_paths(store.get());
  if (!roots.empty()) X509_STORE_load_file(store.get(), roots.c_str());
  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  X509_STORE_CTX_init(check.get(), store.get(), leaf, nullptr);
  const bool known = X509_verify_cert(check.get()) == 1;
  const int error = X509_STORE_CTX_get_error(check.get());
  ERR_clear_error();
  return known || (error != X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY &&
                   error != X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE);
}

// Every certificate but the service's own has issued another of them, in whatever order (RFC 8446
// section 4.4.2). Those beyond the file are the client's to know.
Result<> check_chain(const std::vector<X509Ptr>& chain, const std::string& origin,
                     const std::string& roots) {
  X509* leaf = chain.front().get();
  const auto issued = [](X509* issuer, X509* other) {
    return issuer != other && X509_check_issued(issuer, other) == X509_V_OK;
  };
  const bool above = std::any_of(chain.begin() + 1, chain.end(),
                                 [&](const X509Ptr& one) { return issued(one.get(), leaf); });
  if (!above && !self_signed(leaf) && !signed_by_known_root(leaf, roots))
    return base::invalid("certificate " + origin + ": no chain: it holds " +
                             (chain.size() == 1 ? "the service's certificate alone"
                                                : "nothing that signed the service's certificate") +
                             ", and no known root signed it",
                         "append the intermediate certificates; where a root of your own signed "
                         "it, name that in [certificates] roots");
  for (size_t i = 1; i < chain.size(); ++i)
    if (std::none_of(chain.begin(), chain.end(),
                     [&](const X509Ptr& other) { return issued(chain[i].get(), other.get()); }))
      return base::invalid("certificate " + origin + ": " + subject_of(chain[i].get()) +
                               ", number " + std::to_string(i + 1) +
                               " in it, signed no other of its certificates",
                           "take it out, or add those that lead to it");
  return {};
}

// What stands between the certificate and its use; success when nothing does.
Result<> check_leaf(X509* leaf, const std::string& origin, const std::string& hostname,
                    TimePoint now) {
  const TimePoint from = time_of(X509_get0_notBefore(leaf));
  const TimePoint until = time_of(X509_get0_notAfter(leaf));
  if (now < from)
    return base::invalid("certificate " + origin + ": not valid before " + base::to_rfc3339(from),
                         "check the clock, or issue another");
  if (now >= until)
    return base::invalid("certificate " + origin + ": expired at " + base::to_rfc3339(until),
                         "renew it");
  if (X509_check_host(leaf, hostname.c_str(), hostname.size(), 0, nullptr) != 1)
    return base::invalid("certificate " + origin + ": not for " + hostname,
                         "issue one that names it, or name another file");
  return {};
}

// HAProxy refuses its whole configuration for one certificate that OpenSSL does not let it use: a
// short key, an old digest.
Result<> check_usable(const std::vector<X509Ptr>& chain, EVP_PKEY* key, const std::string& origin) {
  static const std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context(
      SSL_CTX_new(TLS_server_method()));
  const std::unique_ptr<SSL, Freed<SSL_free>> trial(SSL_new(context.get()));
  bool fine = trial && SSL_use_certificate(trial.get(), chain.front().get()) == 1 &&
              SSL_use_PrivateKey(trial.get(), key) == 1;
  for (size_t i = 1; fine && i < chain.size(); ++i)
    fine = SSL_add1_chain_cert(trial.get(), chain[i].get()) == 1;
  if (fine) return {};
  return base::invalid("certificate " + origin + ": TLS cannot use it (" + openssl_reason() + ")",
                       "issue another: an RSA key has 2048 bits or more, and no certificate of "
                       "the chain is signed with SHA-1");
}

Result<std::string> canonical(const std::vector<X509Ptr>& chain, EVP_PKEY* key) {
  const BioPtr out = writing();
  bool fine = true;
  for (const X509Ptr& one : chain) fine = fine && PEM_write_bio_X509(out.get(), one.get()) == 1;
  fine = fine && PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  if (!fine)
    return base::make_error(base::Code::kInternal, "cannot write a key: " + openssl_reason());
  return text_of(out.get());
}

// `roots`: null when the chain is not looked at.
Result<Certificate> check_pair(const std::string& cert_text, const std::string& cert_origin,
                               const std::string& key_text, const std::string& key_origin,
                               const std::string& hostname, const std::string* roots,
                               TimePoint now) {
  const std::vector<X509Ptr> chain = certificates_of(cert_text);
  if (chain.empty())
    return base::invalid("certificate " + cert_origin + ": holds no certificate",
                         "PEM: -----BEGIN CERTIFICATE-----, the service's own first");
  X509* leaf = chain.front().get();
  MCP_CHECK(check_leaf(leaf, cert_origin, hostname, now));
  if (roots) MCP_CHECK(check_chain(chain, cert_origin, *roots));
  const KeyPtr key(PEM_read_bio_PrivateKey(reading(key_text).get(), nullptr, no_password, nullptr));
  if (!key)
    return base::invalid(
        "key " + key_origin + ": holds no private key that can be read (" + openssl_reason() + ")",
        "PEM, without a password");
  if (X509_check_private_key(leaf, key.get()) != 1) {
    ERR_clear_error();
    return base::invalid("key " + key_origin + ": does not fit the certificate " + cert_origin,
                         "the service's own certificate comes first in its file; else it is "
                         "another's key");
  }
  MCP_CHECK(check_usable(chain, key.get(), cert_origin));
  Certificate out;
  MCP_TRY(std::string pem, canonical(chain, key.get()));
  out.fingerprint = base::sha256_hex(pem).substr(0, 32);
  out.pem = std::make_shared<const std::string>(std::move(pem));
  out.not_after = time_of(X509_get0_notAfter(leaf));
  return out;
}

std::filesystem::path key_beside(const CertificateFiles& files) {
  return std::filesystem::path(files.cert).replace_extension(".key");
}

}  // namespace

std::string key_file(const CertificateFiles& files) {
  if (!files.key.empty()) return files.key;
  const auto beside = key_beside(files);
  std::error_code ignored;
  return std::filesystem::exists(beside, ignored) ? beside.string() : files.cert;
}

Result<Certificate> load_certificate(const CertificateFiles& files, const std::string& hostname,
                                     const std::string& roots, TimePoint now) {
  MCP_TRY(const std::string cert, read_file(files.cert, "certificate"));
  const std::string key_path = key_file(files);
  MCP_TRY(const std::string key, read_file(key_path, "key"));
  std::string key_origin = key_path;
  if (files.key.empty() && key_path != key_beside(files))
    key_origin += " (there is no " + key_beside(files).string() + ")";
  return check_pair(cert, files.cert, key, key_origin, hostname, &roots, now);
}

Result<Certificate> check_certificate(const std::string& pem, const std::string& origin,
                                      const std::string& hostname, TimePoint now) {
  return check_pair(pem, origin, pem, origin, hostname, nullptr, now);
}

}  // namespace mc_proxy
