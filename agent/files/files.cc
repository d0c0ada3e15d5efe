#include "agent/files/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/files/beneath.h"
#include "base/core/text.h"

namespace agent {
namespace {

constexpr uint64_t kSpareBytes = 64 << 20;  // of the disk, that a push leaves free
constexpr unsigned kFolderMode = 0755;
constexpr unsigned kFileMode = 0644;
constexpr size_t kPiece = 256 << 10;

base::Result<Descriptor> open_root(const std::string& root) {
  Descriptor fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0)
    return file_error("open", root, errno).within("the data root of this node, [data] root");
  return fd;
}

// As chown(1) has them.
std::string ids(uid_t user, gid_t group) {
  return std::to_string(user) + ":" + std::to_string(group);
}

// False: an agent without root's rights keeps what it makes. Rootless, that is the container's
// root.
bool give_to(int fd, const struct stat& like) {
  return (like.st_uid == ::geteuid() && like.st_gid == ::getegid()) ||
         ::fchown(fd, like.st_uid, like.st_gid) == 0;
}

// The folder `name` in `parent`, made when it is missing.
base::Result<Descriptor> enter(const Descriptor& parent, const std::string& name,
                               const std::string& what) {
  const bool made = ::mkdirat(parent.get(), name.c_str(), kFolderMode) == 0;
  if (!made && errno != EEXIST) return file_error("make the folder", what, errno);
  MCP_TRY(Descriptor folder, open_beneath(parent.get(), name, O_RDONLY | O_DIRECTORY, 0, what));
  struct stat around{};
  if (made && ::fstat(parent.get(), &around) == 0) (void)give_to(folder.get(), around);
  return folder;
}

// A file that is on its way, beside the one that it replaces. Its name says of which: what a crash
// left is taken up by the next push.
class Draft {
 public:
  static base::Result<Draft> open(const Descriptor& folder, const std::string& name,
                                  const std::string& what) {
    Draft draft(folder.get(), "." + name + ".mcp-push");
    MCP_TRY(draft.fd_, open_beneath(folder.get(), draft.name_,
                                    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600, what));
    struct stat info{};
    // A hard link would write into another file.
    if (::fstat(draft.fd_.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink > 1)
      return base::make_error(base::Code::kConflict,
                              "cannot write " + what + ": " + draft.name_ + " is in the way",
                              "remove it on the node");
    if (::flock(draft.fd_.get(), LOCK_EX | LOCK_NB) != 0)
      return base::make_error(base::Code::kConflict, "another push of " + what + " is under way",
                              "try again after it");
    // The other one may have put its draft in place in between: this would be the file itself.
    struct stat named{};
    if (::fstatat(folder.get(), draft.name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0 ||
        named.st_dev != info.st_dev || named.st_ino != info.st_ino)
      return base::make_error(base::Code::kConflict, "another push of " + what + " came first",
                              "try again");
    draft.mine_ = true;
    if (::ftruncate(draft.fd_.get(), 0) != 0) return file_error("write", what, errno);
    return draft;
  }

  Draft(Draft&&) noexcept = default;
  Draft& operator=(Draft&&) = delete;
  ~Draft() {
    if (fd_.get() >= 0 && mine_) ::unlinkat(folder_, name_.c_str(), 0);
  }

  int fd() const { return fd_.get(); }

  base::Result<> replace(const std::string& target, const std::string& what) {
    if (::fsync(fd_.get()) != 0) return file_error("write", what, errno);
    if (::renameat(folder_, name_.c_str(), folder_, target.c_str()) != 0)
      return file_error("replace", what, errno);
    mine_ = false;
    // The name is as durable as the bytes.
    if (::fsync(folder_) != 0) return file_error("write", what, errno);
    return {};
  }

 private:
  Draft(int folder, std::string name) : folder_(folder), name_(std::move(name)) {}
  int folder_;
  std::string name_;
  Descriptor fd_;
  bool mine_ = false;
};

base::Result<> write_all(int fd, std::string_view bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return file_error("write", what, errno);
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

base::Result<> has_room(int fd, uint64_t size, const std::string& what) {
  struct statvfs space{};
  if (::fstatvfs(fd, &space) != 0) return {};
  const uint64_t free = space.f_bavail * space.f_frsize;
  if (size + kSpareBytes <= free) return {};
  return base::make_error(base::Code::kExhausted,
                          "no space for " + what + ": " + std::to_string(size) +
                              " bytes are wanted, " + std::to_string(free) + " are free, and " +
                              std::to_string(kSpareBytes) + " have to stay so",
                          "make room on the node");
}

class OpenFile : public DataFiles::Reader {
 public:
  OpenFile(Descriptor fd, std::string what) : fd_(std::move(fd)), what_(std::move(what)) {}

  base::Result<> measure() {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0) return file_error("read", what_, errno);
    if (S_ISDIR(info.st_mode)) return base::invalid(what_ + " is a folder", "name a file in it");
    if (!S_ISREG(info.st_mode)) return base::invalid(what_ + " is not a regular file");
    info_.mode = info.st_mode & 0777;
    base::Sha256 sum;
    while (true) {
      MCP_TRY(const std::string piece, read(kPiece));
      if (piece.empty()) break;
      info_.size += piece.size();
      sum.update(piece);
    }
    info_.sha256 = sum.hex();
    offset_ = 0;
    end_ = info_.size;
    return {};
  }

  const FileInfo& info() const override { return info_; }

  base::Result<std::string> read(size_t most) override {
    std::string piece(static_cast<size_t>(std::min<uint64_t>(most, end_ - offset_)), '\0');
    ssize_t got = 0;
    do {
      got = ::pread(fd_.get(), piece.data(), piece.size(), static_cast<off_t>(offset_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) return file_error("read", what_, errno);
    piece.resize(static_cast<size_t>(got));
    offset_ += static_cast<uint64_t>(got);
    return piece;
  }

 private:
  Descriptor fd_;
  std::string what_;
  FileInfo info_;
  uint64_t offset_ = 0;
  uint64_t end_ = UINT64_MAX;
};

}  // namespace

base::Result<FileInfo> DataFiles::put(const std::string& service, const std::string& path,
                                      const Upload& upload, const Source& source) const {
  const std::string what = service + "/" + path;
  MCP_TRY(const auto parts, path_parts(path));
  if (upload.size > max_size_)
    return base::make_error(base::Code::kExhausted,
                            what + " is too large: " + std::to_string(upload.size) +
                                " bytes, and at most " + std::to_string(max_size_) + " are taken",
                            "[data] max_file_size of the agent says so");
  MCP_TRY(Descriptor folder, open_root(root_));
  MCP_TRY(folder, enter(folder, service, service));
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    MCP_TRY(Descriptor next, enter(folder, parts[i], what));
    folder = std::move(next);
  }
  struct stat before{};
  const bool there =
      ::fstatat(folder.get(), parts.back().c_str(), &before, AT_SYMLINK_NOFOLLOW) == 0;
  if (there && !S_ISREG(before.st_mode))
    return base::make_error(base::Code::kConflict,
                            "cannot replace " + what + ": it is not a regular file",
                            "name a file, or remove what is there on the node");
  MCP_CHECK(has_room(folder.get(), upload.size, what));

  MCP_TRY(Draft draft, Draft::open(folder, parts.back(), what));
  FileInfo info;
  info.mode = upload.mode.value_or(there ? before.st_mode & 0777 : kFileMode);
  if (!there && ::fstat(folder.get(), &before) != 0) return file_error("write", what, errno);
  // Whoever reads what was there may be nobody but its owner.
  if (!give_to(draft.fd(), before) && there)
    return base::make_error(
        base::Code::kDenied,
        "cannot replace " + what + ": it belongs to " + ids(before.st_uid, before.st_gid) +
            " on the node, and the agent, " + ids(::geteuid(), ::getegid()) +
            ", cannot give files away",
        "push it under another name; on the node, `podman unshare cp` of it to " + root_ + "/" +
            what + " keeps the owner");
  base::Sha256 sum;
  MCP_CHECK(source([&](std::string_view piece) -> base::Result<> {
    info.size += piece.size();
    if (info.size > upload.size)
      return base::invalid(what + ": more bytes came than were announced", "send it again");
    sum.update(piece);
    return write_all(draft.fd(), piece, what);
  }));
  info.sha256 = sum.hex();
  if (info.size != upload.size || (!upload.sha256.empty() && upload.sha256 != info.sha256))
    return base::invalid(what + " did not arrive as it was sent: " + std::to_string(info.size) +
                             " of " + std::to_string(upload.size) + " bytes, sha-256 " +
                             info.sha256,
                         "send it again");
  if (::fchmod(draft.fd(), info.mode) != 0) return file_error("write", what, errno);
  MCP_CHECK(draft.replace(parts.back(), what));
  return info;
}

base::Result<std::unique_ptr<DataFiles::Reader>> DataFiles::get(const std::string& service,
                                                                const std::string& path) const {
  const std::string what = service + "/" + path;
  MCP_TRY(const auto parts, path_parts(path));
  MCP_TRY(Descriptor folder, open_root(root_));
  MCP_TRY(folder, open_beneath(folder.get(), service, O_PATH | O_DIRECTORY, 0, service));
  // O_NONBLOCK: a FIFO that a container has put there must not hold a thread.
  MCP_TRY(Descriptor fd, open_beneath(folder.get(), base::join(parts, "/"),
                                      O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, what));
  auto file = std::make_unique<OpenFile>(std::move(fd), what);
  MCP_CHECK(file->measure());
  return std::unique_ptr<Reader>(std::move(file));
}

}  // namespace agent
