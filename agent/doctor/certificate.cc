#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "agent/doctor/probe.h"

namespace agent::doctor {
namespace {

template <class T, void (*kFree)(T*)>
struct Free {
  void operator()(T* object) const { kFree(object); }
};
using X509Ptr = std::unique_ptr<X509, Free<X509, X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE, X509_STORE_free>>;
using ContextPtr = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX, X509_STORE_CTX_free>>;

struct CloseFile {
  void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};
using FilePtr = std::unique_ptr<std::FILE, CloseFile>;

base::TimePoint time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return base::TimePoint(std::chrono::seconds(::timegm(&parts)));
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> out;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(names, i);
    const ASN1_STRING* text = one->type == GEN_DNS     ? one->d.dNSName
                              : one->type == GEN_IPADD ? one->d.iPAddress
                                                       : nullptr;
    if (text == nullptr) continue;
    std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<size_t>(ASN1_STRING_length(text)));
    if (one->type == GEN_IPADD && bytes.size() == 4) {
      std::string dotted;
      for (const char c : bytes)
        dotted += (dotted.empty() ? "" : ".") + std::to_string(static_cast<unsigned char>(c));
      bytes = dotted;
    } else if (one->type == GEN_IPADD) {
      bytes = "an IPv6 address";
    }
    out.push_back(bytes);
  }
  GENERAL_NAMES_free(names);
  return out;
}

// With the system's roots, whatever the times say.
bool leads_to_a_root(X509* leaf, const std::vector<X509Ptr>& chain) {
  const StorePtr store(X509_STORE_new());
  const ContextPtr context(X509_STORE_CTX_new());
  if (!store || !context) return false;
  X509_STORE_set_default_paths(store.get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_NO_CHECK_TIME);
  STACK_OF(X509)* others = sk_X509_new_null();
  for (const X509Ptr& one : chain) sk_X509_push(others, one.get());
  const bool good = X509_STORE_CTX_init(context.get(), store.get(), leaf, others) == 1 &&
                    X509_verify_cert(context.get()) == 1;
  sk_X509_free(others);
  return good;
}

// Never asks a person for a passphrase.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

}  // namespace

Certificate read_certificate(const std::string& file, const std::string& key_file) {
  Certificate out{.file = file, .key_file = key_file.empty() ? file : key_file};
  const FilePtr certificates(std::fopen(file.c_str(), "re"));
  if (!certificates) {
    out.error = std::strerror(errno);
    return out;
  }
  std::vector<X509Ptr> chain;
  while (X509* one = PEM_read_X509(certificates.get(), nullptr, no_passphrase, nullptr))
    chain.emplace_back(one);
  ERR_clear_error();
  if (chain.empty()) {
    out.error = "there is no certificate in it";
    return out;
  }
  X509* leaf = chain.front().get();
  out.from = time_of(X509_get0_notBefore(leaf));
  out.until = time_of(X509_get0_notAfter(leaf));
  out.names = names_of(leaf);
  out.chain_complete = leads_to_a_root(leaf, chain);
  const FilePtr keys(std::fopen(out.key_file.c_str(), "re"));
  const KeyPtr key(keys ? PEM_read_PrivateKey(keys.get(), nullptr, no_passphrase, nullptr)
                        : nullptr);
  out.key_fits = key && X509_check_private_key(leaf, key.get()) == 1;
  struct stat info{};
  if (::stat(out.key_file.c_str(), &info) == 0) out.key_mode = info.st_mode & 07777;
  ERR_clear_error();
  return out;
}

}  // namespace agent::doctor
