#include "controller/cli/document.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

namespace controller {
namespace {

using Handler = nlohmann::ordered_json::error_handler_t;

// Conservative: letters first, then characters that mean nothing to YAML, and no word of the core
// schema (yaml.org/spec/1.2.2, 10.3.2) or of YAML 1.1.
bool plain_is_safe(std::string_view text) {
  constexpr std::array kWords = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || !letter(text.front()) || text.back() == ':') return false;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (std::find(kWords.begin(), kWords.end(), lower) != kWords.end()) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') ||
           std::string_view("-_./@+").find(c) != std::string_view::npos;
  });
}

std::string scalar(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (plain_is_safe(text)) return text;
  }
  return value.dump(-1, ' ', false, Handler::replace);  // JSON's scalars are YAML's
}

void write(const Json& value, size_t indent, bool in_sequence, std::string& out) {
  bool first = true;
  const auto start = [&] {
    if (!(first && in_sequence)) out.append(indent, ' ');
    first = false;
  };
  const auto nested = [&](const Json& child) { return child.is_structured() && !child.empty(); };
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, child] : value.items()) {
      start();
      out += (plain_is_safe(key) ? key : Json(key).dump()) + ":";
      if (nested(child)) {
        out += "\n";
        write(child, child.is_array() ? indent : indent + 2, false, out);
      } else {
        out += " " + scalar(child) + "\n";
      }
    }
  } else if (value.is_array() && !value.empty()) {
    for (const Json& child : value) {
      start();
      out += "- ";
      if (nested(child))
        write(child, indent + 2, true, out);
      else
        out += scalar(child) + "\n";
    }
  } else {
    out += scalar(value) + "\n";
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  std::string out;
  write(value, 0, false, out);
  return out;
}

std::string to_json(const Json& value) {
  return value.dump(2, ' ', false, Handler::replace) + "\n";
}

std::string to_json_line(const Json& value) {
  return value.dump(-1, ' ', false, Handler::replace) + "\n";
}

}  // namespace controller
