#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/core/result.h"
#include "base/git/repository.h"
#include "crds/decode.h"

// Definitions as they lie in commits.
namespace crds {

// Path below the definitions' folder -> what the file says. Places in it (Position::file) are paths
// inside the repository.
using DecodedFiles = std::map<std::string, DecodedFile>;

// decode_file() for a file of a repository whose definitions are in `folder` (empty: the root).
// `path` is below the folder.
DecodedFile decode_in_folder(std::string_view folder, std::string_view path,
                             std::string_view bytes);

// Reads the definitions of one commit after the other and decodes only what it has not seen: a file
// is known by its path and blob. Symlinks and submodules are not followed, larger files than
// kMaxDefinitionBytes not read: each is a problem at its path that holds what was defined there.
// One thread at a time.
class DefinitionReader {
 public:
  // `folder`: where in the repository the definitions are; empty: the root.
  explicit DefinitionReader(std::string folder);

  // Makes files() those of `commit`. kNotFound: the commit has no such folder. kCorrupt and
  // kNotFound: the repository lacks an object. After an error files() is as it was.
  base::Result<> read(const base::git::Repository& repository, const base::git::Oid& commit);

  const DecodedFiles& files() const { return files_; }
  // How many files the last read() has decoded, with or without success.
  size_t decoded() const { return decoded_; }

 private:
  base::Result<DecodedFile> decode(const base::git::Repository& repository,
                                   const base::git::Entry& entry, const std::string& path) const;
  DecodedFile refuse(const base::git::Entry& entry, const std::string& path, std::string message,
                     std::string hint) const;

  const std::string folder_;
  DecodedFiles files_;
  using Blob = std::pair<base::git::Oid, base::git::Entry::Kind>;
  std::map<std::string, Blob> blobs_;  // of files_
  size_t decoded_ = 0;
};

}  // namespace crds
