#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/process/process.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/file.h"
#include "controller/cli/session.h"
#include "controller/cli/templates.h"

namespace controller {
namespace {

namespace fs = std::filesystem;

base::Result<> git(const fs::path& folder, std::vector<std::string> words,
                   std::map<std::string, std::string> env = {}) {
  words.insert(words.begin(), "git");
  MCP_TRY(const base::Finished done, base::run_command({words, std::move(env), folder.string()}, "",
                                                       std::chrono::seconds(60)));
  if (done.ok()) return {};
  return base::make_error(base::Code::kInternal,
                          "cannot make the repository: " + words[0] + " " + words[1] + ": " +
                              done.err.substr(0, done.err.find_last_not_of('\n') + 1));
}

// A machine where nobody has told git a name can commit too.
base::Result<std::map<std::string, std::string>> author(const fs::path& folder) {
  MCP_TRY(const base::Finished email,
          base::run_command({{"git", "config", "user.email"}, {}, folder.string()}, "",
                            std::chrono::seconds(60)));
  if (email.ok()) return std::map<std::string, std::string>{};
  return std::map<std::string, std::string>{{"GIT_AUTHOR_NAME", "mcp"},
                                            {"GIT_AUTHOR_EMAIL", "mcp@localhost"},
                                            {"GIT_COMMITTER_NAME", "mcp"},
                                            {"GIT_COMMITTER_EMAIL", "mcp@localhost"}};
}

Outcome init(Session& session, const std::string& directory) {
  const fs::path root = session.environment().directory / directory;
  std::error_code error;
  if (fs::exists(root, error) && !(fs::is_directory(root, error) && fs::is_empty(root, error)))
    return base::make_error(base::Code::kConflict,
                            "cannot make a repository in " + root.string() + ": it is not empty",
                            "choose another folder");
  fs::create_directories(root, error);
  if (error)
    return base::make_error(base::Code::kInternal,
                            "cannot make " + root.string() + ": " + error.message());
  MCP_CHECK(git(root, {"init", "--quiet", "--initial-branch=main"}));
  std::vector<std::string> names;
  for (const Template& one : repository_templates()) {
    fs::create_directories((root / one.path).parent_path(), error);
    MCP_CHECK(write_file(root / one.path, one.text));
    names.emplace_back(one.path);
  }
  MCP_CHECK(git(root, {"add", "--all"}));
  MCP_TRY(auto who, author(root));
  MCP_CHECK(git(root, {"commit", "--quiet", "--message=Start the desired state"}, std::move(who)));
  const Json document = {{"directory", fs::absolute(root, error).lexically_normal().string()},
                         {"files", names}};
  session.emit(document, names, [&] {
    std::string text = "made the desired-state repository " + directory + ":\n";
    for (const std::string& name : names) text += "  " + name + "\n";
    return text +
           "\nNext: read README.md there, give the repository a remote, and start an agent:\n" +
           "  mcp-agent --repo " + root.lexically_normal().string() + "\n";
  });
  return Exit::kDone;
}

}  // namespace

Command init_command() {
  auto directory = std::make_shared<std::string>();
  return {
      .name = "init",
      .summary = "Make a desired-state repository with a commented example",
      .details =
          "The folder must be new or empty. The example's service is inactive: nothing runs\n"
          "before `mcp start example`.",
      .example = "mcp init desired",
      .arguments = {{"DIR", directory.get(), "the folder", Complete::kFile}},
      .run = [directory](Session& session) { return init(session, *directory); },
  };
}

}  // namespace controller
