#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/git/repository.h"
#include "controller/intent/definitions.h"
#include "controller/intent/git_command.h"
#include "controller/intent/repository.h"

// Private to this folder.
namespace controller {

namespace git = base::git;

// What a change is about to commit.
struct Draft {
  std::string text;  // of the file; empty: removed
  // Working tree, when the file has local edits: what it and the index are to hold afterwards.
  // None: what is committed.
  std::optional<std::string> disk;
  std::optional<std::string> staged;
  bool local_edits = false;
};

enum class Push { kDone, kOvertaken, kNoRemote };

// A repository and how its commits get to everybody. Reading is the same for both kinds; the
// derived classes say where the newest commit is, and what a new one does to this machine.
class Repository::Backend {
 public:
  struct Setup {
    git::Repository repository;
    std::string branch;
    std::string folder;
    std::string url;
    std::filesystem::path worktree;
    base::Millis timeout;
  };
  explicit Backend(Setup setup);
  virtual ~Backend() = default;

  virtual base::Result<> fetch() = 0;
  virtual base::Result<git::Oid> head() const = 0;
  // The commit to build on: the remote's newest, with the local commits on top.
  virtual base::Result<git::Oid> base() = 0;
  virtual base::Result<Draft> draft(const ChangeRequest& request, const git::Oid& base,
                                    const std::string& path);
  // kDenied: refused for another reason than somebody having been faster.
  virtual base::Result<Push> push(const git::Oid& commit) = 0;
  // Makes this machine stand at the commit, which everybody has by now.
  virtual base::Result<> land(const git::Oid& commit, const std::string& path,
                              const Draft& draft) = 0;

  // What git calls the remote; empty: there is none.
  virtual const std::string& remote() const = 0;

  base::Result<std::map<std::string, NodeReport>> reports();
  base::Result<Commit> change(const ChangeRequest& request);
  base::Result<Definitions> read(std::string_view revision);
  base::Result<Definitions> read_worktree();
  base::Result<DefinitionText> definition(const ServiceName& service, std::string_view revision);
  base::Result<std::vector<HistoryEntry>> history(const ServiceName& service, size_t limit);

  base::Result<git::Oid> resolve(std::string_view revision) const;

  Setup setup;
  GitCommand command;

 protected:
  // Writes a commit, signed when the operator's git does so; it is on no branch yet. Written by
  // nobody: by the operator, now.
  base::Result<git::Oid> write_commit(const git::Oid& tree, const git::Oid& parent,
                                      const std::string& message,
                                      const std::optional<git::Signature>& written_by);
  base::Result<Push> push_to(const std::string& remote, const std::string& remote_branch,
                             const git::Oid& commit);
  base::Result<std::string> apply(const ChangeRequest& request, const std::string& path,
                                  const std::string& text) const;
  // Empty: the commit has no such file.
  base::Result<std::string> text_at(const git::Oid& commit, const std::string& path) const;

 private:
  base::Result<Commit> attempt(const ChangeRequest& request, bool* overtaken);
  base::Result<std::string> path_for(const ChangeRequest& request, const git::Oid& base);
  base::Result<bool> landed_anyway(const git::Oid& commit);
  // What write_commit() needs to know of the operator's git.
  struct Author {
    std::map<std::string, std::string> environment;  // where git does not know who it is
    bool signs;
  };
  const Author& author();
  base::Result<std::optional<std::string>> path_in(const git::Oid& commit,
                                                   const ServiceName& service);
  base::Result<std::optional<std::string>> removed_path(const git::Oid& head,
                                                        const ServiceName& service);

  crds::DefinitionReader reader_;
  std::optional<Author> author_;
};

using Backend = Repository::Backend;

// `spec` is a URL or a bare repository.
base::Result<std::unique_ptr<Backend>> open_mirror(const RepositoryOptions& options,
                                                   const std::string& url);
base::Result<std::unique_ptr<Backend>> open_worktree(const RepositoryOptions& options,
                                                     git::Repository repository);

}  // namespace controller
