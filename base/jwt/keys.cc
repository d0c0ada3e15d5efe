#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/jwt/encoding.h"
#include "base/jwt/jwt.h"
#include "base/jwt/key.h"

namespace base {

Result<JwtKeys> JwtKeys::parse(std::string_view json) {
  const nlohmann::json document = parse_strict_object(json);
  const auto list = document.is_object() ? document.find("keys") : document.end();
  if (!document.is_object() || list == document.end() || !list->is_array())
    return invalid("this is not a JSON Web Key Set");
  if (list->size() > kMaxKeys)
    return invalid("the key set has " + std::to_string(list->size()) + " keys, at most " +
                   std::to_string(kMaxKeys) + " are read");
  JwtKeys result;
  for (const nlohmann::json& jwk : *list)
    if (auto key = parse_key(jwk)) result.keys_.push_back(std::move(key));
  return result;
}

const JwtKey* JwtKeys::find(const JwtHint& hint) const {
  const auto fits = [&](const std::shared_ptr<const JwtKey>& key) {
    return key->algorithm == hint.algorithm && (hint.key_id.empty() || key->id == hint.key_id);
  };
  const auto found = std::find_if(keys_.begin(), keys_.end(), fits);
  if (found == keys_.end()) return nullptr;
  // Trying one key after the other would let a token without an id cost as much as there are keys.
  if (hint.key_id.empty() && std::count_if(keys_.begin(), keys_.end(), fits) != 1) return nullptr;
  return found->get();
}

bool JwtKeys::has_key_for(const JwtHint& hint) const {
  return find(hint) != nullptr;
}

}  // namespace base
