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
  std::vector<Diagnostic> problems;  // in the order of the file; the first 100 and a word of more
  // Services that this file tries to define but whose document has problems: their last good
  // definition stays in force. By the names that the text gives, read leniently after a syntax
  // error; by the file's stem when it gives none.
  std::vector<ServiceName> broken_services;
};

// Whether the path (inside the repository) is a definition at all: fleet.toml|yaml,
// nodes/*.toml|yaml|yml, services/**/*.toml|yaml|yml.
bool is_definition_path(std::string_view path);

// Decodes and validates one file on its own. The kind of TOML comes from the path; YAML documents
// say their kind, and it must fit the folder.
DecodedFile decode_file(std::string_view path, std::string_view bytes);

// Checks all definitions of one tree against each other. What is found, and who is broken by it:
// - a name used twice: an error at every place, the service is broken; for a node or the fleet,
//   nodes_broken or fleet_broken;
// - services that need each other in a circle: all of them;
// - a dependency that does not exist, a `node` or `edge` that is none of the tree's nodes (when the
//   tree has any), a component without image where neither the fleet nor the service can give one:
//   the service that says so;
// - two active services that name one node and want one fixed host port there, or one host name on
//   one listener: the one that `last_good` shows to hold it goes on, else the one whose file sorts
//   first; the other is broken. What a broken service held stays taken. Services that are placed by
//   labels are not compared, PLAN knows where they are.
// A broken service is in `broken` and not in `services`. `last_good`: what the caller goes on with
// for broken services; empty when it remembers nothing. Linear in the size of the tree, aside from
// sorting.
Tree check_tree(const std::map<std::string, DecodedFile>& files_by_path,
                const std::map<ServiceName, Service>& last_good = {});

}  // namespace crds
