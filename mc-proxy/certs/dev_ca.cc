#include "mc-proxy/certs/dev_ca.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "mc-proxy/certs/openssl.h"

namespace mc_proxy {
namespace {

using base::Result;
using base::TimePoint;

constexpr std::chrono::days kCaLife{3650};
constexpr std::chrono::days kLife{90};

base::Error failed(const std::string& what) {
  return base::make_error(base::Code::kInternal,
                          "development CA: cannot " + what + ": " + openssl_reason());
}

bool add_extension(X509* to, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  const bool added = extension && X509_add_ext(to, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

void name_it(X509_NAME* name, const std::string& text) {
  // A common name has at most 64 characters (RFC 5280, appendix A.1).
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(text.c_str()),
                             static_cast<int>(std::min<size_t>(text.size(), 64)), -1, 0);
}

// Everything but extensions and signature.
X509Ptr blank(EVP_PKEY* key, const std::string& name, TimePoint now, std::chrono::days life) {
  X509Ptr out(X509_new());
  X509_set_version(out.get(), X509_VERSION_3);
  unsigned char serial[16];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7F;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(out.get()));
  BN_free(number);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  // An hour ago: clocks differ.
  ASN1_TIME_set(X509_getm_notBefore(out.get()), seconds.count() - 3600);
  ASN1_TIME_set(X509_getm_notAfter(out.get()), (seconds + life).count());
  name_it(X509_get_subject_name(out.get()), name);
  X509_set_pubkey(out.get(), key);
  return out;
}

std::string pem_of(X509* certificate) {
  const BioPtr out = writing();
  PEM_write_bio_X509(out.get(), certificate);
  return text_of(out.get());
}

std::string pem_of(EVP_PKEY* key) {
  const BioPtr out = writing();
  PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(out.get());
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Result<> write_new(const std::string& path, const std::string& text, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  const bool written =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (written) return {};
  return base::make_error(base::Code::kDenied,
                          "development CA: cannot write " + path + ": " + std::strerror(error));
}

}  // namespace

struct DevCa::Impl {
  std::string file;
  X509Ptr certificate;
  KeyPtr key;
};

DevCa::DevCa(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DevCa::~DevCa() = default;
DevCa::DevCa(DevCa&&) noexcept = default;
DevCa& DevCa::operator=(DevCa&&) noexcept = default;

const std::string& DevCa::certificate_file() const {
  return impl_->file;
}

Result<DevCa> DevCa::open(const std::string& folder, TimePoint now) {
  auto impl = std::make_unique<Impl>();
  impl->file = folder + "/ca.pem";
  const std::string key_path = folder + "/ca.key";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return base::make_error(base::Code::kDenied,
                            "development CA: cannot make " + folder + ": " + error.message());
  if (!std::filesystem::exists(key_path, error)) {
    const KeyPtr key(EVP_EC_gen("P-256"));
    if (!key) return failed("make a key");
    const X509Ptr ca = blank(key.get(), "mc-proxy development CA", now, kCaLife);
    X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
    if (!add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash") ||
        X509_sign(ca.get(), key.get(), EVP_sha256()) == 0)
      return failed("sign itself");
    MCP_CHECK(write_new(impl->file, pem_of(ca.get()), 0644));
    MCP_CHECK(write_new(key_path, pem_of(key.get()), 0600));
  }
  impl->certificate.reset(
      PEM_read_bio_X509(reading(content(impl->file)).get(), nullptr, nullptr, nullptr));
  impl->key.reset(
      PEM_read_bio_PrivateKey(reading(content(key_path)).get(), nullptr, nullptr, nullptr));
  if (!impl->certificate || !impl->key) return failed("read " + impl->file + " and " + key_path);
  return DevCa(std::move(impl));
}

Result<std::string> DevCa::issue(const std::string& hostname, TimePoint now) const {
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return failed("make a key");
  const X509Ptr leaf = blank(key.get(), hostname, now, kLife);
  X509* ca = impl_->certificate.get();
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca));
  if (!add_extension(leaf.get(), ca, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(leaf.get(), ca, NID_ext_key_usage, "serverAuth") ||
      !add_extension(leaf.get(), ca, NID_subject_key_identifier, "hash") ||
      !add_extension(leaf.get(), ca, NID_authority_key_identifier, "keyid") ||
      !add_extension(leaf.get(), ca, NID_subject_alt_name, "DNS:" + hostname) ||
      X509_sign(leaf.get(), impl_->key.get(), EVP_sha256()) == 0)
    return failed("issue a certificate for " + hostname);
  return pem_of(leaf.get()) + pem_of(ca) + pem_of(key.get());
}

}  // namespace mc_proxy
