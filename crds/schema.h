#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crds/codec/value.h"
#include "crds/explain.h"

// The CRD documents (crds/*.yaml, compiled in) as a schema: the part of OpenAPI 3.0 that they use.
// Nothing about the shape of a definition is said anywhere else. Immutable after the first use;
// any thread.
namespace crds {

// A regular expression in the common part of POSIX ERE and ECMA-262. Matching takes linear time
// and no recursion, whatever the text.
class Pattern {
 public:
  Pattern() = default;
  explicit Pattern(std::string source);
  const std::string& source() const { return source_; }
  bool empty() const { return source_.empty(); }
  bool matches(const std::string& text) const;

 private:
  std::string source_;
  std::shared_ptr<const void> compiled_;
};

struct Property;

struct Schema {
  std::string type;  // string, integer, number, boolean, array, object; empty where one_of decides
  std::string format;
  std::string description;
  std::string hint;               // x-mcp-hint
  std::optional<Value> fallback;  // default
  std::optional<Value> example;
  Pattern pattern;
  std::vector<Value> allowed;  // enum
  std::optional<double> minimum, maximum;
  std::optional<size_t> min_length, max_length, min_items, max_items;  // lengths in characters
  std::vector<Property> properties;  // in the order of the document
  std::vector<std::string> required;
  std::vector<std::string> exclusive;        // not.required: at most one of them
  std::shared_ptr<const Schema> items;       // of an array
  std::shared_ptr<const Schema> additional;  // of a table with free keys
  std::shared_ptr<const Schema> keys;        // x-mcp-keys: what those keys are
  std::vector<Schema> one_of;                // alternatives of different type
  std::vector<std::string> exactly_one;      // oneOf of one required field each

  const Schema* find(std::string_view property) const;
};

struct Property {
  std::string name;
  Schema schema;
};

// The schema of one document. In the TOML form the fields of metadata and spec stand at the top.
// `kind` is "Service", "Node" or "Fleet"; null for another.
const Schema* find_schema(std::string_view kind, Form form);

// Nobody reads more; what a hostile file costs is bounded by it.
inline constexpr size_t kMaxProblems = 100;

// What is wrong with the tree, up to kMaxProblems; `file` goes into the positions.
std::vector<Diagnostic> validate(const Schema& schema, const Value& root, std::string_view file);

}  // namespace crds
