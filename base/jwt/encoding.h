#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

// How tokens and keys are written. For this folder alone.
namespace base {

// RFC 7515 section 2: base64url without padding. Strict: one text for each value. None: it is not.
std::optional<std::string> decode_base64url(std::string_view text);

// A JSON object no member of which comes twice, at any depth (RFC 8725 section 2.4: two readers
// could see two values), and which is nested at most 8 deep. Discarded (is_discarded()): it is not.
nlohmann::json parse_strict_object(std::string_view text);

// A member that is a string; empty: it is not there, or is no string.
std::string text_member(const nlohmann::json& object, const char* name);

}  // namespace base
