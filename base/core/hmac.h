#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace base {

// RFC 2104 with SHA-256: 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

// RFC 4648 section 4, with padding.
std::string to_base64(std::string_view bytes);
// Strict: no line breaks, complete padding. None: it is no base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace base
