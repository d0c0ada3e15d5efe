#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "base/toml/text_index.h"
#include "crds/codec/scalar.h"
#include "crds/codec/value.h"

namespace crds {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kYamlTag = "tag:yaml.org,2002:";

// Leaves yaml-cpp from inside an event; caught in parse_yaml.
struct Refused {
  Place at;
  std::string message;
  std::string hint;
};

class YamlTree : public YAML::EventHandler {
 public:
  YamlTree(std::string_view text, const base::TextIndex& index, ParsedFile& out)
      : text_(text), index_(index), out_(out) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    const Place at = place(mark);
    // yaml-cpp starts a new document where the text simply goes on after a whole one.
    if (documents_++ > 0 && text_.substr(at.begin, 3) != "---")
      throw Refused{at, "the document ends before this line, and no '---' starts another",
                    kIndentHint};
    anchors_.clear();
  }
  void OnDocumentEnd() override {
    if (root_.type != Value::Type::kNull) out_.documents.push_back(std::exchange(root_, {}));
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Value value;
    value.at = place(mark);
    add(std::move(value), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Place at = place(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw Refused{at, "the alias names something that it is part of", ""};
    if (count_ += found->second.size; count_ > kMaxValues)
      throw Refused{at, "too many values after aliases are resolved", "write fewer aliases"};
    Value value = found->second.value;
    value.at = at;
    value.at.end = text_.find_first_of(" \t\r\n,]}", at.begin);
    if (value.at.end == std::string_view::npos) value.at.end = text_.size();
    add(std::move(value), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const Place at = place(mark);
    const ScalarSpan span = find_scalar(text_, at.begin, text);
    if (span.unterminated) throw Refused{at, "the string has no closing quote", ""};
    Value value = typed(at, tag, text);
    value.at = at;
    value.at.begin = span.begin;
    value.at.end = span.end;
    add(std::move(value), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(Value::Type::kArray, mark, tag, anchor, style);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(Value::Type::kTable, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  static constexpr const char* kIndentHint = "check the indentation and the quotes above";

 private:
  struct Frame {
    Value value;
    YAML::anchor_t anchor = 0;
    size_t count_before = 0;
    bool has_key = false;  // the last member waits for its value
    std::unordered_set<std::string> keys;
  };
  struct Anchored {
    Value value;
    size_t size;
  };

  Place place(const YAML::Mark& mark) const {
    return index_.place(index_.offset_of_byte(mark.line + 1, mark.column));
  }

  Value typed(const Place& at, const std::string& tag, const std::string& text) const {
    Value value;
    if (tag == "?" || tag.empty()) return plain_scalar(text);
    value.type = Value::Type::kString;
    value.text = text;
    if (tag == "!") return value;
    const std::string kind = tag.starts_with(kYamlTag) ? tag.substr(kYamlTag.size()) : "";
    if (kind == "str") return value;
    if (kind == "bool" || kind == "int" || kind == "float" || kind == "null")
      return plain_scalar(text);
    throw Refused{at, "the tag " + tag + " means nothing here", "remove it"};
  }

  void open(Value::Type type, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    Frame frame;
    frame.value.type = type;
    frame.value.at = place(mark);
    frame.value.flow = style == YAML::EmitterStyle::Flow;
    frame.anchor = anchor;
    frame.count_before = count_;
    if (tag != "?" && !tag.empty() && tag != "!" && !tag.starts_with(kYamlTag))
      throw Refused{frame.value.at, "the tag " + tag + " means nothing here", "remove it"};
    if (frames_.size() >= kMaxDepth)
      throw Refused{frame.value.at, "nested too deeply", "flatten it"};
    if (wants_key()) throw Refused{frame.value.at, "a table or list cannot be a key", kIndentHint};
    frames_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (++count_ > kMaxValues) throw Refused{frame.value.at, "too many values", "split the file"};
    if (frame.anchor != 0) anchors_[frame.anchor] = {frame.value, count_ - frame.count_before};
    place_value(std::move(frame.value));
  }

  bool wants_key() const {
    return !frames_.empty() && frames_.back().value.type == Value::Type::kTable &&
           !frames_.back().has_key;
  }

  void add(Value value, YAML::anchor_t anchor) {
    if (++count_ > kMaxValues) throw Refused{value.at, "too many values", "split the file"};
    if (anchor != 0) anchors_[anchor] = {value, 1};
    if (wants_key())
      add_key(value);
    else
      place_value(std::move(value));
  }

  void add_key(const Value& value) {
    Frame& frame = frames_.back();
    if (value.type == Value::Type::kArray || value.type == Value::Type::kTable)
      throw Refused{value.at, "a table or list cannot be a key", kIndentHint};
    std::string key = value.text;
    if (value.at.end > value.at.begin && value.type != Value::Type::kString)
      key = text_.substr(value.at.begin, value.at.end - value.at.begin);
    if (value.type == Value::Type::kNull && key.empty())
      throw Refused{value.at, "a key is missing", kIndentHint};
    if (key == "<<")
      throw Refused{value.at, "merge keys (<<) are not supported", "write the fields out"};
    const size_t line = index_.offset_of_byte(value.at.line, 0);
    if (!frame.value.flow &&
        text_.substr(line, value.at.begin - line).find('\t') != std::string_view::npos)
      throw Refused{value.at, "a tab indents this line", "indent with spaces"};
    if (!frame.keys.insert(key).second)
      throw Refused{value.at, "the key '" + key + "' is here twice", "remove one of them"};
    frame.value.members.push_back({std::move(key), value.at, {}});
    frame.has_key = true;
  }

  void place_value(Value value) {
    if (frames_.empty()) {
      root_ = std::move(value);
    } else if (frames_.back().value.type == Value::Type::kArray) {
      frames_.back().value.items.push_back(std::move(value));
    } else {
      frames_.back().value.members.back().value = std::move(value);
      frames_.back().has_key = false;
    }
  }

  std::string_view text_;
  const base::TextIndex& index_;
  ParsedFile& out_;
  Value root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  size_t count_ = 0;
  size_t documents_ = 0;
};

}  // namespace

ParsedFile parse_yaml(std::string_view path, std::string_view bytes) {
  ParsedFile out;
  const base::TextIndex index(bytes);
  const auto problem = [&](const Place& at, std::string message, std::string hint) {
    out.problems.push_back(
        {{std::string(path), at.line, at.column}, "", std::move(message), std::move(hint)});
  };
  std::string_view text = bytes;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::istringstream in{std::string(text)};
  try {
    YAML::Parser parser(in);
    YamlTree tree(bytes, index, out);
    while (parser.HandleNextDocument(tree)) {
    }
  } catch (const Refused& refused) {
    problem(refused.at, refused.message, refused.hint);
  } catch (const YAML::Exception& error) {
    const Place at = index.place(index.offset_of_byte(error.mark.line + 1, error.mark.column));
    const size_t line = index.offset_of_byte(at.line, 0);
    const size_t first = bytes.find_first_not_of(' ', line);
    if (first != std::string_view::npos && bytes[first] == '\t')
      problem(at, "a tab indents this line", "indent with spaces");
    else
      problem(at, "not valid YAML: " + error.msg, YamlTree::kIndentHint);
  }
  return out;
}

}  // namespace crds
