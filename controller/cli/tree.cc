#include "controller/cli/tree.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>

#include "base/core/text.h"
#include "base/process/process.h"
#include "controller/cli/file.h"

namespace controller {
namespace {

namespace fs = std::filesystem;
using crds::Diagnostic;

constexpr base::Millis kGitDeadline{120'000};
constexpr size_t kGitOutput = size_t{2} << 30;

Diagnostic problem(const std::string& path, std::string message, std::string hint = {}) {
  return {{path, 0, 0}, "", std::move(message), std::move(hint)};
}

Diagnostic not_a_file(const std::string& path, const char* what) {
  return problem(path, std::string("is ") + what + "; definitions are ordinary files",
                 "put the file itself here");
}

Diagnostic too_large(const std::string& path, size_t bytes) {
  return problem(path, "has " + std::to_string(bytes) + " bytes; a definition has at most " +
                           std::to_string(crds::kMaxDefinitionBytes));
}

void take_entry(const fs::directory_entry& entry, const std::string& path, Files& files,
                std::vector<Diagnostic>& problems) {
  std::error_code error;
  const bool link = entry.is_symlink(error);
  const bool folder_link = link && (path == "services" || path == "nodes" ||
                                    path.starts_with("services/") || path.starts_with("nodes/"));
  if (link && (folder_link || crds::is_definition_path(path))) {
    problems.push_back(not_a_file(path, "a symbolic link"));
  } else if (crds::is_definition_path(path) && entry.is_regular_file(error)) {
    const auto size = entry.file_size(error);
    if (size > crds::kMaxDefinitionBytes) {
      problems.push_back(too_large(path, size));
    } else if (auto text = read_file(entry.path())) {
      files[path] = std::move(*text);
    } else {
      problems.push_back(problem(path, text.error().message));
    }
  }
}

base::Result<std::string> git(const std::string& git_dir, std::vector<std::string> words,
                              const std::string& input) {
  words.insert(words.begin(), "git");
  base::Command command{std::move(words), {}, {}};
  if (!git_dir.empty()) command.env["GIT_DIR"] = git_dir;
  MCP_TRY(base::Finished done, base::run_command(command, input, kGitDeadline, kGitOutput));
  if (done.ok()) return std::move(done.out);
  return base::make_error(base::Code::kInternal, "cannot read the commit: git " + command.argv[1] +
                                                     ": " +
                                                     done.err.substr(0, done.err.find('\n')));
}

// One line of git-ls-tree(1) -l -z: "<mode> <type> <object> <size>\t<path>".
struct Entry {
  std::string mode;
  std::string object;
  size_t size = 0;
  std::string path;
};

std::vector<Entry> parse_entries(const std::string& listing) {
  std::vector<Entry> entries;
  for (const std::string& line : base::split(listing, '\0')) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    std::vector<std::string> words = base::split(line.substr(0, tab), ' ');
    std::erase(words, "");
    if (words.size() < 4) continue;
    Entry entry{words[0], words[2], 0, line.substr(tab + 1)};
    std::from_chars(words[3].data(), words[3].data() + words[3].size(), entry.size);
    entries.push_back(std::move(entry));
  }
  return entries;
}

// The answer of git-cat-file(1) --batch: "<object> <type> <size>\n<content>\n", in the order asked.
base::Result<> take_contents(const std::string& batch, const std::vector<Entry>& asked,
                             Files& files) {
  size_t at = 0;
  for (const Entry& entry : asked) {
    const size_t end = batch.find('\n', at);
    if (end == std::string::npos || end + 1 + entry.size > batch.size())
      return base::make_error(base::Code::kCorrupt, "cannot read " + entry.path + " from git");
    files[entry.path] = batch.substr(end + 1, entry.size);
    at = end + 1 + entry.size + 1;
  }
  return {};
}

}  // namespace

CheckedTree check_files(const Files& files, std::vector<Diagnostic> problems) {
  std::map<std::string, crds::DecodedFile> decoded;
  for (const auto& [path, text] : files) decoded[path] = crds::decode_file(path, text);
  const crds::Tree tree = crds::check_tree(decoded);
  CheckedTree checked{files.size(), tree.services.size(), tree.nodes.size(), std::move(problems)};
  for (const auto& [path, file] : decoded)
    checked.problems.insert(checked.problems.end(), file.problems.begin(), file.problems.end());
  checked.problems.insert(checked.problems.end(), tree.problems.begin(), tree.problems.end());
  for (const auto& [service, why] : tree.broken)
    checked.problems.insert(checked.problems.end(), why.begin(), why.end());
  // The same finding may stand in the file's and in the tree's list.
  std::sort(checked.problems.begin(), checked.problems.end());
  checked.problems.erase(std::unique(checked.problems.begin(), checked.problems.end()),
                         checked.problems.end());
  return checked;
}

base::Result<CheckedTree> check_folder(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    return base::not_found("cannot check " + folder.string() + ": it is not a folder");
  Files files;
  std::vector<Diagnostic> problems;
  fs::recursive_directory_iterator it(folder, error);
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    const std::string path = it->path().lexically_relative(folder).generic_string();
    if (path == ".git")
      it.disable_recursion_pending();
    else
      take_entry(*it, path, files, problems);
  }
  if (error)
    return base::make_error(base::Code::kInternal,
                            "cannot read " + folder.string() + ": " + error.message());
  return check_files(files, std::move(problems));
}

base::Result<CheckedTree> check_commit(const std::string& git_dir, const std::string& revision) {
  MCP_TRY(const std::string listing,
          git(git_dir, {"ls-tree", "-r", "-l", "-z", "--full-tree", revision}, ""));
  std::vector<Entry> asked;
  std::vector<Diagnostic> problems;
  std::string input;
  for (Entry& entry : parse_entries(listing)) {
    const bool below = entry.path.starts_with("services/") || entry.path.starts_with("nodes/");
    if (entry.mode == "160000" && (below || entry.path == "services" || entry.path == "nodes"))
      problems.push_back(not_a_file(entry.path, "a submodule"));
    if (entry.mode == "120000" && (below || crds::is_definition_path(entry.path)))
      problems.push_back(not_a_file(entry.path, "a symbolic link"));
    if (!entry.mode.starts_with("100") || !crds::is_definition_path(entry.path)) continue;
    if (entry.size > crds::kMaxDefinitionBytes) {
      problems.push_back(too_large(entry.path, entry.size));
      continue;
    }
    input += entry.object + "\n";
    asked.push_back(std::move(entry));
  }
  Files files;
  if (!asked.empty()) {
    MCP_TRY(const std::string batch, git(git_dir, {"cat-file", "--batch"}, input));
    MCP_CHECK(take_contents(batch, asked, files));
  }
  return check_files(files, std::move(problems));
}

}  // namespace controller
