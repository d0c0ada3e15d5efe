#include "base/git/library.h"

#include <signal.h>

#include <mutex>

#include "base/git/stream.h"

namespace base::git {
namespace {

Code code_of(int code, const git_error* error) {
  switch (code) {
    case GIT_ENOTFOUND:
      // What names an object is there, but not the object.
      if (error != nullptr && error->klass == GIT_ERROR_ODB) return Code::kCorrupt;
      return Code::kNotFound;
    case GIT_EUNBORNBRANCH:
      return Code::kNotFound;
    case GIT_EINVALIDSPEC:
    case GIT_EAMBIGUOUS:
    case GIT_EPEEL:
      return Code::kInvalid;
    case GIT_EEXISTS:
    case GIT_ECONFLICT:
    case GIT_EMERGECONFLICT:
    case GIT_EMODIFIED:
    case GIT_ELOCKED:
    case GIT_ENONFASTFORWARD:
      return Code::kConflict;
    case GIT_EMISMATCH:
      return Code::kCorrupt;
    default:
      break;
  }
  if (error == nullptr) return Code::kInternal;
  const std::string_view message = error->message;
  if (message.find("No space left") != std::string_view::npos) return Code::kExhausted;
  if (message.find("corrupt") != std::string_view::npos) return Code::kCorrupt;
  switch (error->klass) {
    case GIT_ERROR_NOMEMORY:
      return Code::kExhausted;
    case GIT_ERROR_ZLIB:
    case GIT_ERROR_ODB:
    case GIT_ERROR_OBJECT:
    case GIT_ERROR_INDEXER:
    case GIT_ERROR_SHA:
      return Code::kCorrupt;
    default:
      return Code::kInternal;
  }
}

}  // namespace

void initialize() {
  static std::once_flag once;
  std::call_once(once, [] {
    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    register_stream();
    struct sigaction current = {};
    if (sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL)
      signal(SIGPIPE, SIG_IGN);
  });
}

Error last_error(int code, std::string_view what) {
  const git_error* error = git_error_last();
  std::string message = "cannot " + std::string(what);
  if (error != nullptr && error->message != nullptr) message += ": " + std::string(error->message);
  return make_error(code_of(code, error), std::move(message));
}

Oid to_oid(const git_oid& oid) {
  char text[GIT_OID_HEXSZ + 1];
  return Oid(git_oid_tostr(text, sizeof text, &oid));
}

Result<git_oid> from_oid(const Oid& oid) {
  git_oid out;
  if (git_oid_fromstrn(&out, oid.str().data(), oid.str().size()) < 0 ||
      oid.str().size() != GIT_OID_HEXSZ)
    return invalid("'" + oid.str() + "' is not the name of a git object",
                   "it has 40 hexadecimal digits");
  return out;
}

Result<CommitHandle> lookup_commit(git_repository* repository, const Oid& oid) {
  MCP_TRY(const git_oid id, from_oid(oid));
  CommitHandle commit;
  GIT_CHECK("read commit " + oid.str(),
            open_into(commit, [&](auto** out) { return git_commit_lookup(out, repository, &id); }));
  return commit;
}

Result<TreeHandle> lookup_tree(git_repository* repository, const Oid& commit_oid) {
  MCP_TRY(const CommitHandle commit, lookup_commit(repository, commit_oid));
  TreeHandle tree;
  GIT_CHECK("read the tree of commit " + commit_oid.str(),
            open_into(tree, [&](auto** out) { return git_commit_tree(out, commit.get()); }));
  return tree;
}

}  // namespace base::git
