#pragma once

#include <git2.h>
#if __has_include(<git2/sys/errors.h>)
#include <git2/sys/errors.h>  // libgit2 1.8 and later keep git_error_set_str() there
#endif

#include <memory>
#include <string>
#include <string_view>

#include "base/core/result.h"
#include "base/git/types.h"

// Private to this folder.
namespace base::git {

// Sets libgit2 up, once.
void initialize();

// libgit2's last error on this thread as ours: "cannot <what>: <its message>".
Error last_error(int code, std::string_view what);

#define GIT_CHECK(what, ...) \
  if (const int git_code = (__VA_ARGS__); git_code < 0) return last_error(git_code, what)

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <class T, auto kFree>
using Handle = std::unique_ptr<T, Freer<kFree>>;

using CommitHandle = Handle<git_commit, git_commit_free>;
using TreeHandle = Handle<git_tree, git_tree_free>;
using BlobHandle = Handle<git_blob, git_blob_free>;
using IndexHandle = Handle<git_index, git_index_free>;
using WalkHandle = Handle<git_revwalk, git_revwalk_free>;
using DiffHandle = Handle<git_diff, git_diff_free>;
using RemoteHandle = Handle<git_remote, git_remote_free>;
using ReferenceHandle = Handle<git_reference, git_reference_free>;

// Fills a handle through an out parameter: open_into(handle, [&](auto** out) { ... }).
template <class T, class D, class Call>
int open_into(std::unique_ptr<T, D>& handle, Call call) {
  T* raw = nullptr;
  const int code = call(&raw);
  handle.reset(raw);
  return code;
}

Oid to_oid(const git_oid& oid);
Result<git_oid> from_oid(const Oid& oid);
Result<CommitHandle> lookup_commit(git_repository* repository, const Oid& oid);
Result<TreeHandle> lookup_tree(git_repository* repository, const Oid& commit);

}  // namespace base::git
