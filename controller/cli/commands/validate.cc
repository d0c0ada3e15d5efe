#include <algorithm>
#include <istream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/session.h"
#include "controller/cli/tree.h"

namespace controller {
namespace {

using crds::Diagnostic;

// GitHub's workflow commands: %, CR and LF are escaped everywhere, ':' and ',' in properties.
std::string escape(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%')
      out += "%25";
    else if (c == '\r')
      out += "%0D";
    else if (c == '\n')
      out += "%0A";
    else if (c == ':' && property)
      out += "%3A";
    else if (c == ',' && property)
      out += "%2C";
    else
      out += c;
  }
  return out;
}

std::string message_of(const Diagnostic& one) {
  const std::string message = one.field.empty() ? one.message : one.field + ": " + one.message;
  return one.hint.empty() ? message : message + " (" + one.hint + ")";
}

std::string annotation(const Diagnostic& one) {
  std::string out = "::error file=" + escape(one.at.file, true);
  if (one.at.line > 0) out += ",line=" + std::to_string(one.at.line);
  if (one.at.column > 0) out += ",col=" + std::to_string(one.at.column);
  return out + "::" + escape(message_of(one), false) + "\n";
}

// docs.gitlab.com/ci/testing/code_quality, "Code Quality report format".
Json code_quality(const std::vector<Diagnostic>& problems) {
  Json out = Json::array();
  for (const Diagnostic& one : problems)
    out.push_back(
        {{"description", message_of(one)},
         {"check_name", "mcp-validate"},
         {"fingerprint", base::sha256_hex(one.at.file + "\n" + message_of(one))},
         {"severity", "blocker"},
         {"location", {{"path", one.at.file}, {"lines", {{"begin", std::max(one.at.line, 1)}}}}}});
  return out;
}

std::string counted(size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string summary(const CheckedTree& checked) {
  return counted(checked.files, "file") + ", " + counted(checked.services, "service") + ", " +
         counted(checked.nodes, "node") + ", " + counted(checked.problems.size(), "problem") + "\n";
}

Json document_of(const CheckedTree& checked) {
  Json problems = Json::array();
  for (const Diagnostic& one : checked.problems)
    problems.push_back({{"file", one.at.file},
                        {"line", one.at.line},
                        {"column", one.at.column},
                        {"field", one.field},
                        {"message", one.message},
                        {"hint", one.hint},
                        {"text", one.text()}});
  return {{"valid", checked.problems.empty()},
          {"files", checked.files},
          {"services", checked.services},
          {"nodes", checked.nodes},
          {"problems", std::move(problems)}};
}

Exit report(const Session& session, const CheckedTree& checked, const std::string& prefix) {
  std::vector<std::string> names;
  for (const Diagnostic& one : checked.problems)
    if (names.empty() || names.back() != one.at.file) names.push_back(one.at.file);
  if (session.globals().output == "github") {
    for (const Diagnostic& one : checked.problems) session.terminal().out << annotation(one);
    session.note(prefix + summary(checked).substr(0, summary(checked).size() - 1));
  } else if (session.globals().output == "gitlab") {
    session.terminal().out << code_quality(checked.problems).dump(2) << "\n";
  } else {
    session.emit(document_of(checked), names, [&] {
      std::string text;
      for (const Diagnostic& one : checked.problems) text += prefix + one.text() + "\n";
      return session.globals().quiet ? text : text + prefix + summary(checked);
    });
  }
  return checked.problems.empty() ? Exit::kDone : Exit::kInvalidDefinitions;
}

bool is_zero(const std::string& object) {
  return object.find_first_not_of('0') == std::string::npos;
}

// githooks(5), pre-receive: "<old> SP <new> SP <ref> LF" for each ref; a deletion has a zero <new>.
Outcome validate_push(Session& session) {
  Exit worst = Exit::kDone;
  std::string line;
  while (std::getline(session.terminal().in, line)) {
    if (line.empty()) continue;
    const std::vector<std::string> words = base::split(line, ' ');
    if (words.size() != 3)
      return usage("'mcp validate -' reads lines of 'OLD NEW REF', not '" + line + "'",
                   "it is meant for a pre-receive hook");
    if (is_zero(words[1]) || !words[2].starts_with("refs/heads/")) continue;
    MCP_TRY(const CheckedTree checked, check_commit("", words[1]));
    const std::string prefix = words[2].substr(std::string("refs/heads/").size()) + ": ";
    if (report(session, checked, prefix) != Exit::kDone) worst = Exit::kInvalidDefinitions;
  }
  return worst;
}

base::Result<std::filesystem::path> folder_to_check(const Session& session,
                                                    const std::string& directory) {
  if (!directory.empty()) return session.environment().directory / directory;
  MCP_TRY(const RepositoryOptions options, session.repository_options());
  if (auto root = find_repository(options.spec); !root.empty()) return root;
  return base::invalid("cannot check " + options.spec + ": it is not a working tree",
                       "name a folder: mcp validate DIR");
}

Outcome validate(Session& session, const std::string& directory) {
  if (directory == "-") return validate_push(session);
  const auto folder = folder_to_check(session, directory);
  if (!folder) return Failure{Exit::kUsage, folder.error()};
  MCP_TRY(const CheckedTree checked, check_folder(*folder));
  return report(session, checked, "");
}

}  // namespace

Command validate_command() {
  auto directory = std::make_shared<std::string>();
  return {
      .name = "validate",
      .summary = "Check definitions offline",
      .details =
          "DIR is the folder of the definitions; without it the repository in use. With `-`\n"
          "it reads a pre-receive hook's lines (OLD NEW REF) and checks the pushed commits\n"
          "in the repository that git names in GIT_DIR. Exits with 3 when one is invalid.",
      .example =
          "mcp validate\n"
          "mcp validate . -o github\n"
          "mcp validate . -o gitlab > gl-code-quality-report.json\n"
          "exec mcp validate -          # as hooks/pre-receive",
      .arguments = {{"DIR", directory.get(), "a folder, or -", Complete::kFile, false}},
      .formats = {"github", "gitlab"},
      .run = [directory](Session& session) { return validate(session, *directory); },
  };
}

}  // namespace controller
