#include "test/support/jwt_signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <cstdlib>

namespace test {
namespace {

using Json = nlohmann::json;

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string number(EVP_PKEY* key, const char* name, size_t width = 0) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &value) != 1) std::abort();
  std::string bytes(width ? width : static_cast<size_t>(BN_num_bytes(value)), '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()),
               static_cast<int>(bytes.size()));
  BN_free(value);
  return bytes;
}

// DER to r and s of 32 bytes each.
std::string fixed_width(const std::string& der) {
  const unsigned char* at = bytes_of(der);
  ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string bytes(64, '\0');
  auto* out = reinterpret_cast<unsigned char*>(bytes.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32);
  ECDSA_SIG_free(pair);
  return bytes;
}

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  text.resize(static_cast<size_t>(EVP_EncodeBlock(
      reinterpret_cast<unsigned char*>(text.data()),
      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()))));
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (text.ends_with('=')) text.pop_back();
  return text;
}

JwtSigner::JwtSigner(const std::string& algorithm, std::string key_id, int rsa_bits)
    : algorithm_(algorithm), key_id_(std::move(key_id)) {
  EVP_PKEY* key = algorithm == "RS256"
                      ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<size_t>(rsa_bits))
                  : algorithm == "ES256" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                         : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (!key) std::abort();
  key_ = std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
}

Json JwtSigner::jwk() const {
  Json jwk = {{"kid", key_id_}, {"alg", algorithm_}, {"use", "sig"}};
  if (algorithm_ == "RS256") {
    jwk["kty"] = "RSA";
    jwk["n"] = base64url(number(key_.get(), OSSL_PKEY_PARAM_RSA_N));
    jwk["e"] = base64url(number(key_.get(), OSSL_PKEY_PARAM_RSA_E));
  } else if (algorithm_ == "ES256") {
    jwk["kty"] = "EC";
    jwk["crv"] = "P-256";
    jwk["x"] = base64url(number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, 32));
    jwk["y"] = base64url(number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, 32));
  } else {
    std::string raw(32, '\0');
    size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
    jwk["kty"] = "OKP";
    jwk["crv"] = "Ed25519";
    jwk["x"] = base64url(raw);
  }
  return jwk;
}

std::string JwtSigner::signature(const std::string& message) const {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const EVP_MD* hash = algorithm_ == "EdDSA" ? nullptr : EVP_sha256();
  size_t size = 0;
  EVP_DigestSignInit(context, nullptr, hash, nullptr, key_.get());
  EVP_DigestSign(context, nullptr, &size, bytes_of(message), message.size());
  std::string bytes(size, '\0');
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(bytes.data()), &size, bytes_of(message),
                 message.size());
  bytes.resize(size);
  EVP_MD_CTX_free(context);
  return algorithm_ == "ES256" ? fixed_width(bytes) : bytes;
}

std::string JwtSigner::token_of_text(const std::string& header, const std::string& claims) const {
  const std::string message = base64url(header) + "." + base64url(claims);
  return message + "." + base64url(signature(message));
}

std::string JwtSigner::token(const Json& claims, const Json& header) const {
  Json full = {{"alg", algorithm_}, {"kid", key_id_}, {"typ", "JWT"}};
  if (header.is_object()) full.update(header);
  return token_of_text(full.dump(), claims.dump());
}

std::string JwtSigner::public_pem() const {
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(memory, key_.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string pem(text, static_cast<size_t>(size));
  BIO_free(memory);
  return pem;
}

std::string key_set(const std::vector<Json>& keys) {
  return Json{{"keys", keys}}.dump();
}

std::string token_with_secret(const Json& claims, const std::string& secret) {
  const std::string message =
      base64url(R"({"alg":"HS256","kid":"k1"})") + "." + base64url(claims.dump());
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(message),
       message.size(), bytes, &size);
  return message + "." + base64url({reinterpret_cast<const char*>(bytes), size});
}

}  // namespace test
