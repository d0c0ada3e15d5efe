#include <filesystem>
#include <system_error>
#include <vector>

#include "base/git/library.h"
#include "base/git/repository.h"

namespace base::git {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> packs_in(const fs::path& folder) {
  std::vector<fs::path> packs;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed))
    if (entry.path().extension() == ".pack") packs.push_back(entry.path());
  return packs;
}

}  // namespace

size_t Repository::pack_count() const {
  return packs_in(git_dir() / "objects" / "pack").size();
}

Result<> Repository::repack(const std::string& ref) {
  const std::string what = "repack " + git_dir().string();
  const fs::path folder = git_dir() / "objects" / "pack";
  const std::vector<fs::path> before = packs_in(folder);
  WalkHandle walk;
  GIT_CHECK(what, open_into(walk, [&](auto** out) { return git_revwalk_new(out, handle()); }));
  GIT_CHECK(what, git_revwalk_push_ref(walk.get(), ref.c_str()));
  Handle<git_packbuilder, git_packbuilder_free> builder;
  GIT_CHECK(what,
            open_into(builder, [&](auto** out) { return git_packbuilder_new(out, handle()); }));
  GIT_CHECK(what, git_packbuilder_insert_walk(builder.get(), walk.get()));
  GIT_CHECK(what, git_packbuilder_write(builder.get(), folder.c_str(), 0, nullptr, nullptr));
  const std::string kept = "pack-" + std::string(git_packbuilder_name(builder.get()));
  for (const fs::path& pack : before) {
    if (pack.stem() == kept) continue;
    std::error_code failed;
    // The index goes first: a pack without one is not looked at.
    for (const char* extension : {".idx", ".pack", ".rev"})
      fs::remove(fs::path(pack).replace_extension(extension), failed);
  }
  return {};
}

}  // namespace base::git
