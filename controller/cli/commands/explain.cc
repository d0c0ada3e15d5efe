#include "crds/explain.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/session.h"

namespace controller {
namespace {

struct Options {
  std::string path;
  bool schema = false;
  std::string form = "toml";
};

Outcome explain(Session& session, const Options& options) {
  if (options.schema) {
    if (options.form != "toml" && options.form != "yaml")
      return usage("--form is toml or yaml, not '" + options.form + "'");
    const auto schema = crds::json_schema(
        options.path, options.form == "toml" ? crds::Form::kToml : crds::Form::kYaml);
    if (!schema) return Failure{Exit::kUsage, schema.error()};
    session.terminal().out << *schema << (schema->ends_with('\n') ? "" : "\n");
    return Exit::kDone;
  }
  const auto text = crds::explain(options.path);
  if (!text) return Failure{Exit::kUsage, text.error()};
  session.emit(Json{{"path", options.path}, {"text", *text}}, {options.path},
               [&] { return *text + (text->ends_with('\n') ? "" : "\n"); });
  return Exit::kDone;
}

}  // namespace

Command explain_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "explain",
      .summary = "Explain a kind or one of its fields",
      .details = "The kinds are " + base::join(crds::kinds(), ", ") +
                 ". --schema prints a JSON Schema (draft 2020-12) for editors.",
      .example =
          "mcp explain service\n"
          "mcp explain service.components.health\n"
          "mcp explain service --schema > service.schema.json",
      .arguments = {{"KIND[.FIELD...]", &options->path, "the kind, and field names after dots",
                     Complete::kKind}},
      .flags = {{"--schema", &options->schema, "", "print the JSON Schema of the kind"},
                {"--form", &options->form, "FORM", "which form the schema is for: toml or yaml"}},
      .run = [options](Session& session) { return explain(session, *options); },
  };
}

}  // namespace controller
