#pragma once

#include <string>
#include <vector>

#include "crds/codec/value.h"
#include "crds/types/tree.h"

// From a tree that its schema allows to the types. What is found here is what a schema cannot say:
// numbers out of range inside a string, and fields that contradict each other.
namespace crds {

// A document in either form: for TOML all three are the same table.
struct DocumentParts {
  const Value& root;
  const Value& metadata;
  const Value& spec;
  std::string spec_path;  // "spec." in the YAML form
};

// Gathers what is wrong, and where the fields of interest stand.
struct Findings {
  std::string file;
  std::vector<Diagnostic> problems = {};
  std::vector<FieldPlace> fields = {};
  std::string prefix = {};    // of field names in problems
  bool entries_lost = false;  // a list of the service is shorter than that of the file

  void add(const Place& at, const std::string& field, std::string message, std::string hint = {});
  void note(const Place& at, const std::string& field);
};

Service to_service(const DocumentParts& document, Findings& findings);
Node to_node(const DocumentParts& document, Findings& findings);
Fleet to_fleet(const DocumentParts& document);

// Checks of one service that need all of its components: names used twice, dependencies.
void check_service(const Service& service, const Value& spec, Findings& findings);

}  // namespace crds
