#include "crds/codec/scalar.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace crds {
namespace {

constexpr std::string_view kBlank = " \t";

size_t skip_properties(std::string_view text, size_t at) {
  while (at < text.size() && (text[at] == '&' || text[at] == '!')) {
    at = text.find_first_of(" \t\r\n,]}", at);
    if (at == std::string_view::npos) return text.size();
    at = std::min(text.find_first_not_of(kBlank, at), text.size());
  }
  return at;
}

// After the closing quote; 0 when there is none.
size_t quoted_end(std::string_view text, size_t at) {
  const char quote = text[at];
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || text.substr(i + 1, 1) != "'") return i + 1;
      ++i;
    }
  }
  return 0;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

bool parse_integer(std::string_view text, int64_t& out) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0o")) {
    base = text[1] == 'x' ? 16 : 8;
    text.remove_prefix(2);
  } else {
    if (text.starts_with('+')) text.remove_prefix(1);
    if (!all_digits(text.starts_with('-') ? text.substr(1) : text)) return false;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool parse_number(std::string_view text, double& out) {
  std::string_view body = text;
  if (body.starts_with('+') || body.starts_with('-')) body.remove_prefix(1);
  if (body == ".inf" || body == ".Inf" || body == ".INF") {
    out = std::numeric_limits<double>::infinity() * (text[0] == '-' ? -1 : 1);
    return true;
  }
  if (text == ".nan" || text == ".NaN" || text == ".NAN") {
    out = std::nan("");
    return true;
  }
  const std::string_view mantissa = body.substr(0, body.find_first_of("eE"));
  const size_t dot = mantissa.find('.');
  const std::string_view whole = mantissa.substr(0, dot);
  const std::string_view fraction =
      dot == std::string_view::npos ? std::string_view() : mantissa.substr(dot + 1);
  if ((!whole.empty() && !all_digits(whole)) || (!fraction.empty() && !all_digits(fraction)) ||
      (whole.empty() && fraction.empty()))
    return false;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

ScalarSpan find_scalar(std::string_view text, size_t at, std::string_view value) {
  ScalarSpan span;
  span.begin = skip_properties(text, at);
  if (span.begin >= text.size()) return span;
  const char first = text[span.begin];
  if (first == '"' || first == '\'') {
    span.end = quoted_end(text, span.begin);
    span.unterminated = span.end == 0;
  } else if (first != '|' && first != '>' && text.substr(span.begin, value.size()) == value) {
    span.end = span.begin + value.size();
  }
  return span;
}

Value plain_scalar(std::string_view text) {
  Value value;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
    return value;
  if (text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" ||
      text == "FALSE") {
    value.type = Value::Type::kBool;
    value.boolean = text[0] == 't' || text[0] == 'T';
  } else if (parse_integer(text, value.integer)) {
    value.type = Value::Type::kInteger;
  } else if (parse_number(text, value.number)) {
    value.type = Value::Type::kNumber;
  } else {
    value.type = Value::Type::kString;
    value.text = text;
  }
  return value;
}

}  // namespace crds
