#include "base/git/repository.h"

#include "base/core/text.h"
#include "base/git/library.h"

namespace base::git {
namespace {

Entry::Kind kind_of(git_filemode_t mode) {
  switch (mode) {
    case GIT_FILEMODE_LINK:
      return Entry::Kind::kSymlink;
    case GIT_FILEMODE_COMMIT:
      return Entry::Kind::kSubmodule;
    case GIT_FILEMODE_BLOB_EXECUTABLE:
      return Entry::Kind::kExecutable;
    default:
      return Entry::Kind::kFile;
  }
}

struct Listing {
  std::string prefix;
  std::vector<Entry> entries;
};

int add_entry(const char* root, const git_tree_entry* entry, void* payload) {
  auto& listing = *static_cast<Listing*>(payload);
  if (git_tree_entry_type(entry) == GIT_OBJECT_TREE) return 0;
  listing.entries.push_back({listing.prefix + root + git_tree_entry_name(entry),
                             to_oid(*git_tree_entry_id(entry)),
                             kind_of(git_tree_entry_filemode(entry))});
  return 0;
}

using TreeEntryHandle = Handle<git_tree_entry, git_tree_entry_free>;

Result<TreeEntryHandle> entry_at(const git_tree* tree, const Oid& commit, const std::string& path) {
  TreeEntryHandle entry;
  const int code =
      open_into(entry, [&](auto** out) { return git_tree_entry_bypath(out, tree, path.c_str()); });
  if (code == GIT_ENOTFOUND)
    return not_found("commit " + commit.str().substr(0, 12) + " has no '" + path + "'");
  GIT_CHECK("read '" + path + "'", code);
  return entry;
}

}  // namespace

void Repository::Free::operator()(git_repository* repository) const {
  git_repository_free(repository);
}

Result<Repository> Repository::open(const std::filesystem::path& path) {
  initialize();
  git_repository* raw = nullptr;
  GIT_CHECK("open git repository " + path.string(),
            git_repository_open_ext(&raw, path.c_str(), GIT_REPOSITORY_OPEN_NO_SEARCH, nullptr));
  return Repository(raw);
}

Result<Repository> Repository::discover(const std::filesystem::path& path) {
  initialize();
  git_repository* raw = nullptr;
  GIT_CHECK("open git repository " + path.string(),
            git_repository_open_ext(&raw, path.c_str(), 0, nullptr));
  return Repository(raw);
}

Result<Repository> Repository::create_bare(const std::filesystem::path& path) {
  initialize();
  git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
  options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
  git_repository* raw = nullptr;
  GIT_CHECK("make git repository " + path.string(),
            git_repository_init_ext(&raw, path.c_str(), &options));
  return Repository(raw);
}

bool Repository::is_bare() const {
  return git_repository_is_bare(handle()) != 0;
}

std::filesystem::path Repository::git_dir() const {
  return git_repository_path(handle());
}

std::filesystem::path Repository::worktree() const {
  const char* path = git_repository_workdir(handle());
  return path == nullptr ? std::filesystem::path() : std::filesystem::path(path);
}

Result<Oid> Repository::resolve(std::string_view revision) const {
  const std::string text(revision);
  const std::string what = "find revision '" + text + "'";
  Handle<git_object, git_object_free> object;
  const int code = open_into(
      object, [&](auto** out) { return git_revparse_single(out, handle(), text.c_str()); });
  if (code == GIT_ENOTFOUND) return not_found("there is no revision '" + text + "'");
  GIT_CHECK(what, code);
  Handle<git_object, git_object_free> commit;
  GIT_CHECK(what, open_into(commit, [&](auto** out) {
              return git_object_peel(out, object.get(), GIT_OBJECT_COMMIT);
            }));
  return to_oid(*git_object_id(commit.get()));
}

Result<> Repository::set_ref(const std::string& name, const Oid& target,
                             const std::string& reflog) const {
  MCP_TRY(const git_oid id, from_oid(target));
  ReferenceHandle reference;
  GIT_CHECK("point " + name + " at " + target.str(), open_into(reference, [&](auto** out) {
              return git_reference_create(out, handle(), name.c_str(), &id, 1, reflog.c_str());
            }));
  return {};
}

Result<std::vector<Entry>> Repository::list(const Oid& commit, std::string_view folder) const {
  MCP_TRY(TreeHandle tree, lookup_tree(handle(), commit));
  Listing listing;
  if (!folder.empty()) {
    const std::string path(folder);
    MCP_TRY(const TreeEntryHandle entry, entry_at(tree.get(), commit, path));
    if (git_tree_entry_type(entry.get()) != GIT_OBJECT_TREE)
      return not_found("'" + path + "' is not a folder in commit " + commit.str().substr(0, 12));
    TreeHandle below;
    GIT_CHECK("read folder '" + path + "'", open_into(below, [&](auto** out) {
                return git_tree_lookup(out, handle(), git_tree_entry_id(entry.get()));
              }));
    tree = std::move(below);
    listing.prefix = path + "/";
  }
  GIT_CHECK("read the tree of commit " + commit.str(),
            git_tree_walk(tree.get(), GIT_TREEWALK_PRE, add_entry, &listing));
  return std::move(listing.entries);
}

Result<bool> Repository::has(const Oid& commit, std::string_view path) const {
  MCP_TRY(TreeHandle tree, lookup_tree(handle(), commit));
  const git_tree_entry* entry = nullptr;
  for (const std::string& name : split(path, '/')) {
    if (name.empty()) continue;
    if (entry != nullptr) {
      TreeHandle below;
      GIT_CHECK("read a tree of commit " + commit.str(), open_into(below, [&](auto** out) {
                  return git_tree_lookup(out, handle(), git_tree_entry_id(entry));
                }));
      tree = std::move(below);
    }
    entry = git_tree_entry_byname(tree.get(), name.c_str());
    if (entry == nullptr) return false;
  }
  return true;
}

Result<Entry> Repository::find(const Oid& commit, std::string_view path) const {
  MCP_TRY(const TreeHandle tree, lookup_tree(handle(), commit));
  const std::string text(path);
  MCP_TRY(const TreeEntryHandle entry, entry_at(tree.get(), commit, text));
  if (git_tree_entry_type(entry.get()) == GIT_OBJECT_TREE)
    return not_found("'" + text + "' is a folder in commit " + commit.str().substr(0, 12));
  return Entry{text, to_oid(*git_tree_entry_id(entry.get())),
               kind_of(git_tree_entry_filemode(entry.get()))};
}

Result<uint64_t> Repository::size(const Oid& blob) const {
  MCP_TRY(const git_oid id, from_oid(blob));
  Handle<git_odb, git_odb_free> odb;
  GIT_CHECK("open the object database",
            open_into(odb, [&](auto** out) { return git_repository_odb(out, handle()); }));
  size_t length = 0;
  git_object_t type = GIT_OBJECT_ANY;
  GIT_CHECK("read the size of blob " + blob.str(),
            git_odb_read_header(&length, &type, odb.get(), &id));
  return length;
}

Result<std::string> Repository::read(const Oid& oid, size_t max_bytes) const {
  MCP_TRY(const uint64_t length, size(oid));
  if (length > max_bytes)
    return invalid("blob " + oid.str() + " has " + std::to_string(length) + " bytes, at most " +
                   std::to_string(max_bytes) + " are read");
  MCP_TRY(const git_oid id, from_oid(oid));
  BlobHandle blob;
  GIT_CHECK("read blob " + oid.str(),
            open_into(blob, [&](auto** out) { return git_blob_lookup(out, handle(), &id); }));
  return std::string(static_cast<const char*>(git_blob_rawcontent(blob.get())),
                     git_blob_rawsize(blob.get()));
}

}  // namespace base::git
