#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "base/toml/text_index.h"
#include "base/toml/value.h"

namespace base {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Diagnostic problem(std::string_view path, const Place& at, std::string message,
                   std::string hint = {}) {
  return {{std::string(path), at.line, at.column}, "", std::move(message), std::move(hint)};
}

// The end of the string or comment that starts at `at`.
size_t skip_opaque(std::string_view text, size_t at) {
  if (text[at] == '#') return std::min(text.find('\n', at), text.size());
  const char quote = text[at];
  const std::string triple(3, quote);
  const bool multi = text.substr(at, 3) == triple;
  for (size_t i = at + (multi ? 3 : 1); i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (multi ? text.substr(i, 3) == triple : text[i] == quote || text[i] == '\n') {
      return i + (multi ? 3 : 1);
    }
  }
  return text.size();
}

// toml++ before 3.4 makes one nested table of every part of a dotted key, and falls over the stack
// when there are very many: such keys are found before it reads them. 0 when there is none.
size_t find_long_key(std::string_view text) {
  size_t dots = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'' || c == '#') {
      at = skip_opaque(text, at);
      continue;
    }
    if (c == '.' && ++dots >= kMaxKeyParts) return at;
    if (c == '\n' || c == ',' || c == '=' || c == '{') dots = 0;
    ++at;
  }
  return 0;
}

class TomlTree {
 public:
  TomlTree(std::string_view path, std::string_view text, ParsedFile& out)
      : path_(path), index_(text), out_(out) {}

  const TextIndex& index() const { return index_; }

  Place place(const toml::source_region& region) const {
    const auto offset = [&](const toml::source_position& at) {
      return index_.offset_of_character(static_cast<int>(at.line), static_cast<int>(at.column));
    };
    Place place = index_.place(offset(region.begin));
    place.end = offset(region.end);
    return place;
  }

  Value convert(const toml::node& node, size_t depth) {
    Value value;
    value.at = place(node.source());
    if (depth > kMaxDepth || ++count_ > kMaxValues) return refuse(value);
    node.visit([&](const auto& typed) { fill(value, typed, depth); });
    return value;
  }

 private:
  Value refuse(Value value) {
    if (!refused_)
      out_.problems.push_back(problem(path_, value.at, "too many values, or nested too deeply",
                                      "split the file, or flatten it"));
    refused_ = true;
    return value;
  }

  void fill(Value& value, const toml::table& table, size_t depth) {
    value.type = Value::Type::kTable;
    value.flow = table.is_inline();
    for (const auto& [key, node] : table)
      value.members.push_back(
          {std::string(key.str()), place(key.source()), convert(node, depth + 1)});
    // toml++ sorts by name; a reader wants the order of the file.
    std::stable_sort(
        value.members.begin(), value.members.end(),
        [](const Member& a, const Member& b) { return a.key_at.begin < b.key_at.begin; });
  }
  void fill(Value& value, const toml::array& array, size_t depth) {
    value.type = Value::Type::kArray;
    // The tables of [[headers]] stand at the array's own place.
    value.flow = array.empty() || array.front().source().begin != array.source().begin;
    for (const toml::node& item : array) value.items.push_back(convert(item, depth + 1));
  }
  void fill(Value& value, const toml::value<std::string>& node, size_t) {
    value.type = Value::Type::kString;
    value.text = node.get();
  }
  void fill(Value& value, const toml::value<int64_t>& node, size_t) {
    value.type = Value::Type::kInteger;
    value.integer = node.get();
  }
  void fill(Value& value, const toml::value<double>& node, size_t) {
    value.type = Value::Type::kNumber;
    value.number = node.get();
  }
  void fill(Value& value, const toml::value<bool>& node, size_t) {
    value.type = Value::Type::kBool;
    value.boolean = node.get();
  }
  template <class Time>
  void fill(Value& value, const toml::value<Time>& node, size_t) {
    value.type = Value::Type::kTime;
    std::ostringstream out;
    out << node.get();
    value.text = out.str();
  }

  std::string_view path_;
  TextIndex index_;
  ParsedFile& out_;
  size_t count_ = 0;
  bool refused_ = false;
};

// toml++ says "Error while parsing string: …" and quotes control characters as they are.
std::string clean(std::string_view description) {
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (description.starts_with(kPrefix)) description.remove_prefix(kPrefix.size());
  std::string out;
  for (char c : description) {
    if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F)
      out += c;
  }
  return out;
}

}  // namespace

ParsedFile parse_toml(std::string_view path, std::string_view bytes) {
  ParsedFile out;
  TomlTree tree(path, bytes, out);
  if (const size_t at = find_long_key(bytes); at != 0) {
    out.problems.push_back(
        problem(path, tree.index().place(at),
                "a key with more than " + std::to_string(kMaxKeyParts) + " parts"));
    return out;
  }
  std::string_view text = bytes;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  try {
    const toml::table table = toml::parse(text, path);
    Value root = tree.convert(table, 0);
    root.at = tree.index().place(0);
    if (out.problems.empty()) out.documents.push_back(std::move(root));
  } catch (const toml::parse_error& error) {
    const std::string message = clean(error.description());
    const bool bare = message.find("could not determine value type") != std::string::npos;
    out.problems.push_back(problem(path, tree.place(error.source()), "not valid TOML: " + message,
                                   bare ? "a string stands in quotes" : ""));
  }
  return out;
}

}  // namespace base
