#include "crds/splice.h"

#include <algorithm>
#include <cctype>

#include "crds/codec/scalar.h"
#include "crds/quote.h"

namespace crds {
namespace {

// The blanks right before `offset`.
std::string_view indent_of(std::string_view text, size_t offset) {
  const size_t last = text.substr(0, offset).find_last_not_of(" \t");
  const size_t begin = last == std::string_view::npos ? 0 : last + 1;
  return text.substr(begin, offset - begin);
}

// After the line's content and before its LF or CR LF.
size_t line_end(std::string_view text, size_t offset) {
  size_t end = text.find('\n', offset);
  if (end == std::string_view::npos) return text.size();
  return end > offset && text[end - 1] == '\r' ? end - 1 : end;
}

std::string_view newline_of(std::string_view text) {
  const size_t newline = text.find('\n');
  return newline != std::string_view::npos && newline > 0 && text[newline - 1] == '\r' ? "\r\n"
                                                                                       : "\n";
}

// Whether YAML reads the text as itself when it stands without quotes, in flow style as well.
bool is_plain(std::string_view text) {
  const auto first = [](unsigned char c) { return std::isalnum(c) != 0 || c == '/' || c == '.'; };
  const auto rest = [&](unsigned char c) {
    return first(c) || c == '_' || c == '-' || c == '+' || c == '@' || c == ':';
  };
  return !text.empty() && first(text.front()) && text.back() != ':' &&
         std::all_of(text.begin(), text.end(), rest) &&
         plain_scalar(text).type == Value::Type::kString;
}

// `old`: what stands there now, whose quotes are kept; empty for a new field.
std::string write(const Literal& literal, bool yaml, std::string_view old) {
  const char quote = old.empty() ? '\0' : old.front();
  if (literal.kind == Literal::Kind::kBool || literal.kind == Literal::Kind::kTable)
    return literal.text;
  if (quote == '\'' && literal.text.find_first_of("'\\\n") == std::string::npos)
    return "'" + literal.text + "'";
  if (quote == '"') return in_quotes(literal.text);
  const bool bare = yaml ? is_plain(literal.text) : literal.kind == Literal::Kind::kTime;
  return bare ? literal.text : in_quotes(literal.text);
}

const Member* find_member(const Value& table, std::string_view key) {
  for (const Member& member : table.members)
    if (member.key == key) return &member;
  return nullptr;
}

// The end of a YAML scalar over several lines in block style: the lines that stand further in than
// its key.
size_t block_end(std::string_view text, const Member& member) {
  const size_t indent = member.key_at.column - 1;
  size_t end = line_end(text, member.value.at.begin);
  for (size_t at = text.find('\n', end); at != std::string_view::npos; at = text.find('\n', at)) {
    const size_t begin = ++at;
    const size_t content = line_end(text, begin);
    const size_t first = std::min(text.find_first_not_of(' ', begin), content);
    if (first == content) continue;
    if (first - begin <= indent) break;
    end = content;
  }
  return end;
}

// The end of a YAML table or list in flow style.
size_t flow_end(std::string_view text, size_t at) {
  int depth = 0;
  char quote = '\0';
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != '\0') {
      if (quote == '"' && c == '\\') ++at;
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return text.size();
}

size_t value_end(std::string_view text, const Member& member) {
  const Value& value = member.value;
  if (value.at.end != 0) return value.at.end;
  return value.flow ? flow_end(text, value.at.begin) : block_end(text, member);
}

std::string replaced(std::string_view text, size_t begin, size_t end, std::string_view by) {
  std::string out(text.substr(0, begin));
  out += by;
  out += text.substr(end);
  return out;
}

// A whole line after the one that `offset` is in.
std::string insert_line(std::string_view text, size_t offset, const std::string& line) {
  const size_t end = line_end(text, offset);
  return replaced(text, end, end, std::string(newline_of(text)) + line);
}

std::string insert(std::string_view text, bool yaml, const FieldEdit& edit) {
  const std::string entry = edit.key + (yaml ? ": " : " = ") + write(edit.literal, yaml, {});
  const Member* anchor = nullptr;
  for (const std::string& key : edit.after)
    if (anchor == nullptr) anchor = find_member(edit.table, key);
  const Member& beside = anchor != nullptr ? *anchor : edit.table.members.front();
  if (edit.table.flow) {
    const size_t at = anchor != nullptr ? value_end(text, *anchor) : beside.key_at.begin;
    return replaced(text, at, at, anchor != nullptr ? ", " + entry : entry + ", ");
  }
  // In YAML the key may stand after the dash of a list, so its column counts, not its line's start.
  const std::string indent = yaml ? std::string(beside.key_at.column - 1, ' ')
                                  : std::string(indent_of(text, beside.key_at.begin));
  const size_t at = anchor != nullptr ? value_end(text, *anchor) : edit.header->begin;
  return insert_line(text, at, indent + entry);
}

bool is_marker(std::string_view line, std::string_view marker) {
  return line.starts_with(marker) &&
         (line.size() == marker.size() ||
          std::string_view(" \t\r").find(line[marker.size()]) != std::string_view::npos);
}

}  // namespace

std::string splice(std::string_view text, bool yaml, const FieldEdit& edit) {
  const Member* member = find_member(edit.table, edit.key);
  if (member == nullptr) return insert(text, yaml, edit);
  const size_t begin = member->value.at.begin;
  const size_t end = value_end(text, *member);
  return replaced(text, begin, end, write(edit.literal, yaml, text.substr(begin, end - begin)));
}

std::string cut(std::string_view text, const Value& table, std::string_view key) {
  const Member& member = *find_member(table, key);
  size_t begin = member.key_at.begin;
  size_t end = value_end(text, member);
  if (table.flow) {
    const auto comma = [&](size_t at) { return at < text.size() && text[at] == ','; };
    const size_t next = text.find_first_not_of(" \t", end);
    const size_t last = text.find_last_not_of(" \t", begin - 1);
    if (comma(next))
      end = std::min(text.find_first_not_of(" \t", next + 1), text.size());
    else if (comma(last))
      begin = last;
    return replaced(text, begin, end, "");
  }
  begin -= indent_of(text, begin).size();
  end = line_end(text, end);
  // A comment behind it speaks of it.
  if (end < text.size()) end = text.find('\n', end) + 1;
  return replaced(text, begin, end, "");
}

Extent document_extent(std::string_view text, size_t offset) {
  Extent extent{0, text.size()};
  for (size_t at = 0; at < text.size();) {
    const size_t newline = text.find('\n', at);
    const std::string_view line = text.substr(at, newline - at);
    // YAML 1.2.2, section 9.1.2: "---" at the start of a line starts a document, wherever it is.
    if (is_marker(line, "---")) {
      if (at > offset) {
        extent.end = at;
        break;
      }
      extent.begin = at;
    }
    at = newline == std::string_view::npos ? text.size() : newline + 1;
  }
  return extent;
}

}  // namespace crds
