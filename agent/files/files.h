#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/core/result.h"

// Files in the data directories of services, for `mcp push` and `mcp pull`. Any thread.
//
// Nothing leads out of <root>/<service>: every step of a path is taken by openat2(2) with
// RESOLVE_BENEATH, so that "..", absolute paths and symbolic links that a container has put there,
// also in that very moment, end in kDenied. Only regular files are read and written.
namespace agent {

struct FileInfo {
  uint64_t size = 0;   // bytes
  unsigned mode = 0;   // permission bits
  std::string sha256;  // hexadecimal
};

class DataFiles {
 public:
  // `max_size` in bytes, of one file.
  DataFiles(std::string root, uint64_t max_size) : root_(std::move(root)), max_size_(max_size) {}

  struct Upload {
    uint64_t size = 0;             // as announced
    std::optional<unsigned> mode;  // absent: as the file was, 0644 when it was not
    std::string sha256;            // that it has to have; empty: any
  };
  // Hands pieces to the function until the end.
  using Source =
      std::function<base::Result<>(const std::function<base::Result<>(std::string_view)>&)>;

  // The file is there whole, or as it was before: written beside, synced, and renamed into place
  // (rename(2)). Folders on the way are made. What is new belongs to whom the folder around it
  // belongs, what was there before stays its owner's.
  // kInvalid: the path, or another sum or size than announced. kDenied: the path leads out, or what
  // is there belongs to somebody whom this process cannot give a file.
  // kConflict: a folder is there, or another push of the same file is under way. kExhausted: too
  // large, or no space.
  base::Result<FileInfo> put(const std::string& service, const std::string& path,
                             const Upload& upload, const Source& source) const;

  // One file, open. What is read is what `info` says, unless somebody writes to it meanwhile.
  class Reader {
   public:
    virtual ~Reader() = default;
    virtual const FileInfo& info() const = 0;
    // At most `most` bytes; empty at the end.
    virtual base::Result<std::string> read(size_t most) = 0;
  };
  // kNotFound; kInvalid for a folder.
  base::Result<std::unique_ptr<Reader>> get(const std::string& service,
                                            const std::string& path) const;

 private:
  const std::string root_;
  const uint64_t max_size_;
};

}  // namespace agent
