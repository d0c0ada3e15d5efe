#include <cstdint>
#include <string>

#include "base/jwt/jwt.h"

// Tokens and key sets as somebody may send them: the bytes up to the first line feed are a token,
// the rest a key set. Without the issuer's private key nothing verifies; the corpus has none that
// does.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(text.find('\n'), size);
  const std::string token = text.substr(0, end);
  (void)base::peek_jwt(token);
  if (const auto keys = base::JwtKeys::parse(end < size ? text.substr(end + 1) : text))
    (void)keys->verify(token);
  return 0;
}
