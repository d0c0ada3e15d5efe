#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"
#include "base/core/time.h"
#include "crds/types/tree.h"

// Intent: what an operator wants becomes a commit. Reads definitions and changes them through
// git; knows nothing of agents or terminals.
namespace controller {

using crds::ServiceName;

struct RepositoryOptions {
  // A URL (https://, ssh://, user@host:path, file://), a bare repository, or a directory inside a
  // working tree.
  std::string spec;
  std::string branch;  // empty: the working tree's current branch; else what the remote's HEAD is
  std::string path;    // folder inside the repository that holds the definitions; empty: its root
  base::Millis timeout{60'000};  // each fetch and each push
  // Where mirrors of remotes are kept; empty: $XDG_CACHE_HOME/mcp/repos, else ~/.cache/mcp/repos.
  std::filesystem::path cache_dir;
};

struct Definitions {
  std::string revision;  // 40 hexadecimal digits; empty: the working tree as it is on disk
  crds::Tree tree;
  std::map<std::string, std::string> files;  // path inside the repository -> text
};

// The new text of a file. `path` is what crds/edit.h wants: below the definitions' folder. `text`
// is empty when the file is not there yet; an empty result removes the file. It is called again on
// newer text when somebody else was faster, so it depends on its arguments alone. An error stops
// the change before anything is written and reaches the caller as it is.
using Edit = std::function<base::Result<std::string>(std::string_view path, std::string_view text)>;

// Makes a file; kConflict when it is there with other text.
Edit create_file(std::string text);

// Replaces `before` by `after`. When the text is no longer `before`, both changes are merged line
// by line; kConflict when they touch the same lines.
Edit replace_text(std::string before, std::string after);

struct ChangeRequest {
  // Whose file is changed: the one that defines `service`, or `path` when that is set (inside the
  // repository, with the definitions' folder; it need not exist yet).
  ServiceName service;
  std::string path;
  std::string message;  // subject, then an empty line and the body or trailers, if any
  Edit edit;
  // Working tree only. The file has uncommitted edits: true commits them together with the change;
  // false applies the change to the committed text, and to the file on disk as well, so that those
  // edits stay as they are, uncommitted.
  bool include_worktree_edits = false;
};

struct Commit {
  std::string revision;  // of the commit, or of the head when nothing changed
  std::string path;      // the file
  bool changed = false;  // false: the definitions say so already; no commit was made
  bool pushed = false;   // false with `changed`: there is no remote; the commit is local
  int retries = 0;       // how often somebody else was faster
};

struct HistoryEntry {
  std::string revision;
  std::string path;  // the file as it was named then
  std::string author;
  base::TimePoint time{};
  std::string subject;
  bool removed = false;  // the commit removed the file
};

struct NodeReport {
  base::TimePoint time{};  // by the node's clock
  std::string document;    // JSON, docs/ci.md
};

struct DefinitionText {
  std::string path;
  std::string text;
};

// A desired-state repository as its operator uses it: a working tree (the operator's own clone),
// or a remote through a bare mirror, where commits are built without a checkout.
//
// Remotes are reached with the system's git, so that the operator's ssh configuration, agents and
// credential helpers just work; it never prompts on the terminal. Every call that
// reaches the remote ends within `timeout` (kTimeout). One thread at a time.
class Repository {
 public:
  // Opens, and clones the mirror of a remote when there is none yet. kNotFound: no repository or
  // no such branch. kUnauthenticated, kUnavailable, kTimeout: the remote, in git's own words.
  static base::Result<Repository> open(const RepositoryOptions& options);

  Repository(Repository&&) noexcept;
  Repository& operator=(Repository&&) noexcept;
  ~Repository();

  const std::string& branch() const;
  const std::string& path() const;  // folder of the definitions; empty: the root
  // The remote's URL (for a bare repository on disk: its path); empty: a working tree without one.
  const std::string& url() const;
  // The root of the working tree; empty: the repository is used through a mirror.
  const std::filesystem::path& worktree() const;

  // Fetches the branch. Touches no file of a working tree. Does nothing without a remote.
  base::Result<> refresh();

  // The newest commit known here: of the mirror's branch, or HEAD of the working tree (with the
  // commits that are not pushed yet).
  base::Result<std::string> head() const;

  // A revision, branch or tag as 40 hexadecimal digits. kNotFound.
  base::Result<std::string> resolve(std::string_view revision) const;

  // Whether `revision` is `ancestor` or comes after it. False when one of them is not known here.
  base::Result<bool> contains(std::string_view revision, std::string_view ancestor) const;

  // All definitions of a revision (anything resolve() takes), by default of head().
  base::Result<Definitions> read(std::string_view revision = {}) const;

  // All definitions as they are on disk, uncommitted edits included. kInvalid on a mirror.
  base::Result<Definitions> read_worktree() const;

  // The file that defines the service at `revision` (default: head()), and its text. kNotFound
  // names the nearest service.
  base::Result<DefinitionText> definition(const ServiceName& service,
                                          std::string_view revision = {}) const;

  // Commits that touched the files which define, or have defined, the service, newest first.
  base::Result<std::vector<HistoryEntry>> history(const ServiceName& service,
                                                  size_t limit = 100) const;

  // What each node has reported about itself (refs/mcp/status/<node>), fetched now. Empty: none
  // has.
  base::Result<std::map<std::string, NodeReport>> reports();

  // Fetches, applies the edit to the newest text, checks all definitions as they would be then,
  // commits (author: git's user.name and user.email, else user@host) and pushes. A push that is
  // rejected because somebody was faster: fetched, applied anew on top and pushed again, up to 5
  // times.
  //
  // kInvalid: the edit would make definitions invalid; the message lists every diagnostic on a
  // line of its own; no commit exists. kConflict: the newer text cannot take the edit, local
  // commits conflict with the remote's, or a file with local edits would have to change. kDenied:
  // the remote refused, in its words. After an error the branch, index and files of a working tree
  // are what they were before.
  //
  // A working tree commits this one path on its current branch; other edits, the index of other
  // files and untracked files are left alone. Its unpushed commits go along. kInvalid: HEAD is
  // detached, or a merge or rebase is under way.
  base::Result<Commit> change(const ChangeRequest& request);

  class Backend;

 private:
  explicit Repository(std::unique_ptr<Backend> backend);
  std::unique_ptr<Backend> backend_;
};

}  // namespace controller
