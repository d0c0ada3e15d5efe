#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crds/types/position.h"
#include "crds/types/tree.h"
#include "crds/types/types.h"

// SPEC: the bytes of a repository become typed, valid definitions, or diagnostics with a place.
// Every function here is pure and can be called from any thread.
namespace crds {

// Larger definitions are refused unread.
inline constexpr size_t kMaxDefinitionBytes = 1 << 20;

// What one file says. A file with problems may still yield its sound documents.
struct DecodedFile {
  std::vector<Located<Service>> services;
  std::vector<Located<Node>> nodes;
  std::optional<Located<Fleet>> fleet;
  std::vector<Diagnostic> problems;
  // Services that this file tries to define but whose document has problems (by the name it
  // gives, or the file's stem when it gives none): their last good definition stays in force.
  std::vector<ServiceName> broken_services;
};

// Whether the path (inside the repository) is a definition at all: fleet.toml|yaml,
// nodes/*.toml|yaml|yml, services/**/*.toml|yaml|yml.
bool is_definition_path(std::string_view path);

// Decodes and validates one file on its own. The kind of TOML comes from the path; YAML documents
// say their kind, and it must fit the folder.
DecodedFile decode_file(std::string_view path, std::string_view bytes);

// Checks all definitions of one tree against each other: names used twice, dependency cycles,
// dependencies that do not exist, two active services of one node that want one fixed host port
// (or one host name on one listener).
Tree check_tree(const std::map<std::string, DecodedFile>& files_by_path);

}  // namespace crds
