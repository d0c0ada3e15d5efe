#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/editor.h"
#include "controller/cli/file.h"
#include "controller/cli/intent.h"
#include "controller/cli/tree.h"

namespace controller {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string service;
  bool wait = true;
};

// Lines that mcp puts on top of the text and takes away again. Both formats know '#'.
constexpr std::string_view kMark = "# mcp: ";

std::string without_remarks(const std::string& text) {
  std::string out;
  size_t start = 0;
  while (start < text.size()) {
    size_t end = text.find('\n', start);
    end = end == std::string::npos ? text.size() : end + 1;
    const std::string_view line(text.data() + start, end - start);
    if (!line.starts_with(kMark)) out += line;
    start = end;
  }
  return out;
}

std::string remarks(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += std::string(kMark) + line + "\n";
  return out;
}

// What is wrong with the tree when the file says `text`, and was not wrong before.
std::vector<std::string> new_problems(const Files& tree, const std::string& path,
                                      const std::string& text) {
  const auto before = check_files(tree).problems;
  Files edited = tree;
  edited[path] = text;
  std::vector<std::string> lines;
  for (const crds::Diagnostic& one : check_files(edited).problems) {
    const bool old =
        one.at.file != path && std::find(before.begin(), before.end(), one) != before.end();
    if (!old) lines.push_back(one.text());
  }
  return lines;
}

// The text that the operator works on. It stays on disk until the commit stands.
class Draft {
 public:
  static base::Result<Draft> make(const Environment& environment, const std::string& path,
                                  const std::string& text) {
    const fs::path folder = fs::path(environment.state_home) / "mcp" / "edits";
    std::error_code error;
    fs::create_directories(folder, error);
    fs::permissions(folder, fs::perms::owner_all, error);
    const fs::path name(path);
    const fs::path file = folder / (name.stem().string() + "." + std::to_string(getpid()) +
                                    name.extension().string());
    MCP_CHECK(write_file(file, text, fs::perms(0600)));
    return Draft(file);
  }

  const fs::path& file() const { return file_; }
  base::Result<std::string> read() const { return read_file(file_); }
  base::Result<> write(const std::string& text) const { return write_file(file_, text); }
  void remove() const {
    std::error_code error;
    fs::remove(file_, error);
  }
  base::Error kept(base::Error error) const {
    error.hint +=
        (error.hint.empty() ? "" : "; ") + std::string("your text is kept in ") + file_.string();
    return error;
  }

 private:
  explicit Draft(fs::path file) : file_(std::move(file)) {}
  fs::path file_;
};

// Lets the operator edit until the text is valid. Empty: nothing was changed.
base::Result<std::string> edit_until_valid(Session& session, const Draft& draft, const Files& tree,
                                           const std::string& path, const std::string& before) {
  std::string last = before;
  for (;;) {
    if (auto opened = open_editor(session.environment().editor, draft.file()); !opened)
      return draft.kept(opened.error());
    MCP_TRY(const std::string raw, draft.read());
    const std::string text = without_remarks(raw);
    if (text == before) return std::string();
    const std::vector<std::string> problems = new_problems(tree, path, text);
    if (problems.empty()) return text;
    if (text == last)  // closed without another change: the operator gives up
      return draft.kept(base::invalid("the definition is invalid; nothing was committed:\n" +
                                      base::join(problems, "\n")));
    last = text;
    for (const std::string& problem : problems) session.note(problem);
    std::vector<std::string> lines = problems;
    lines.emplace_back("close without a change to give up; these lines are taken away");
    if (auto written = draft.write(remarks(lines) + text); !written)
      return draft.kept(written.error());
  }
}

Outcome edit(Session& session, const Options& options) {
  if (session.environment().editor.empty())
    return usage("no editor is known", "set VISUAL or EDITOR");
  MCP_TRY(Repository * repository, session.repository());
  MCP_CHECK(from_git(repository->refresh()));
  MCP_TRY(const DefinitionText file,
          from_git(repository->definition(ServiceName(options.service))));
  MCP_TRY(const Definitions all, from_git(repository->read()));
  MCP_TRY(const Draft draft, Draft::make(session.environment(), file.path, file.text));
  MCP_TRY(const std::string text,
          edit_until_valid(session, draft, all.files, file.path, file.text));
  MCP_TRY(const std::string head, from_git(repository->head()));
  if (text.empty()) {
    draft.remove();
    session.note("nothing was changed");
    session.emit({{"service", options.service},
                  {"revision", head},
                  {"path", file.path},
                  {"changed", false},
                  {"pushed", false}},
                 {options.service}, [] { return std::string(); });
    return Exit::kDone;
  }
  Intent intent;
  intent.service = options.service;
  intent.wait = options.wait;
  intent.change.service = ServiceName(options.service);
  intent.change.path = file.path;
  intent.change.message = "edit " + options.service;
  intent.change.edit = replace_text(file.text, text);
  Outcome outcome = carry_out(session, intent);
  // Whatever went wrong after the commit, the text is in git; before it, it stays in the draft.
  const auto committed = repository->definition(ServiceName(options.service));
  const auto new_head = repository->head();
  if (outcome || (new_head && *new_head != head && committed)) {
    draft.remove();
    return outcome;
  }
  Failure failure = outcome.error();
  failure.error = draft.kept(failure.error);
  return failure;
}

}  // namespace

Command service_edit_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "service edit",
      .summary = "Edit a definition in $EDITOR, validate, commit, and wait",
      .details =
          "An invalid text is opened again with what is wrong on top. Whatever happens, what\n"
          "you typed is committed or kept in a file that is named.",
      .example = "mcp service edit web\nEDITOR='code --wait' mcp service edit web",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService}},
      .flags = {{"--wait,!--no-wait", &options->wait, "", "wait until it is Ready (default)"}},
      .run = [options](Session& session) { return edit(session, *options); },
  };
}

}  // namespace controller
