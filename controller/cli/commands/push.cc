#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/gather.h"
#include "controller/cli/interrupt.h"

namespace controller {
namespace fs = std::filesystem;
namespace {

constexpr size_t kPiece = 1 << 20;

struct Options {
  std::string file;
  std::string service;
  std::string path;
};

// A file of this machine, open: what is sent is what was summed.
class LocalFile {
 public:
  static base::Result<LocalFile> open(const fs::path& path) {
    LocalFile file(path.string(), ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info{};
    if (file.fd_ < 0 || ::fstat(file.fd_, &info) != 0) return file.failed();
    if (!S_ISREG(info.st_mode))
      return base::invalid(path.string() + " is not a regular file",
                           "of a folder, push the files one by one");
    char mode[8] = {};
    std::snprintf(mode, sizeof(mode), "%04o", info.st_mode & 0777);
    file.is_ = {static_cast<uint64_t>(info.st_size), mode, ""};
    base::Sha256 sum;
    for (size_t at = 0; at < file.is_.size;) {
      MCP_TRY(const std::string piece, file.read(at, kPiece));
      sum.update(piece);
      at += piece.size();
    }
    file.is_.sha256 = sum.hex();
    return file;
  }
  LocalFile(LocalFile&& other) noexcept
      : path_(std::move(other.path_)),
        fd_(std::exchange(other.fd_, -1)),
        is_(std::move(other.is_)) {}
  ~LocalFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  const Agent::File& is() const { return is_; }

  base::Result<std::string> read(size_t offset, size_t most) const {
    std::string piece(std::min(most, kPiece), '\0');
    const ssize_t got = ::pread(fd_, piece.data(), piece.size(), static_cast<off_t>(offset));
    if (got < 0) return failed();
    if (got == 0)
      return base::make_error(base::Code::kConflict, path_ + " became shorter", "push it again");
    piece.resize(static_cast<size_t>(got));
    return piece;
  }

 private:
  LocalFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  base::Error failed() const {
    return base::make_error(errno == ENOENT ? base::Code::kNotFound : base::Code::kInternal,
                            "cannot read " + path_ + ": " + std::strerror(errno));
  }

  std::string path_;
  int fd_;
  Agent::File is_;
};

Outcome push(Session& session, const Options& options) {
  const fs::path from = session.environment().directory / options.file;
  std::string path = options.path;
  if (path.empty() || path.ends_with('/')) path += from.filename().string();
  MCP_TRY(const LocalFile file, LocalFile::open(from));
  MCP_TRY(const Holder holder, find_holder(session, options.service));
  const Agent* agent = holder.agent;

  const std::string name = options.service + "/" + path;
  const auto progress = session.progress();
  const auto show = [&](const std::string& text, Progress::State state) {
    if (progress->mode() == Progress::Mode::kLive) progress->show({{name, text, state}});
  };
  const auto at = [&](size_t offset) { return amount(offset) + " of " + amount(file.is().size); };
  size_t reached = 0;
  bool whole = false;  // all of it was given away
  base::Result<> readable;
  base::Result<Agent::File> sent;
  const bool interrupted = interruptible([&](const std::stop_token& stop) {
    sent = agent->put_file(
        options.service, path, file.is(),
        [&](size_t offset, size_t most) {
          reached = offset;
          show(at(offset), Progress::State::kBusy);
          auto piece = file.read(offset, most);
          if (!piece) readable = piece.error();
          whole = piece && offset + piece->size() == file.is().size;
          return piece;
        },
        stop);
  });
  if (!sent) {
    show(at(reached), Progress::State::kFailed);
    progress->finish();
    if (!readable) return readable.error();
    if (interrupted)
      return Failure{
          Exit::kInterrupted,
          base::make_error(base::Code::kInternal,
                           "the push was broken off at " + at(reached) + ": " + name + " on " +
                               agent->label() +
                               (whole ? " is as it was, or whole" : " stays as it was"))};
    return sent.error();
  }
  show(amount(sent->size), Progress::State::kDone);
  progress->finish();
  session.emit({{"service", options.service},
                {"path", path},
                {"node", agent->label()},
                {"size", sent->size},
                {"mode", sent->mode},
                {"sha256", sent->sha256}},
               {name}, [&] {
                 return "pushed " + name + " to " + agent->label() + ": " + amount(sent->size) +
                        ", mode " + sent->mode + ", sha-256 " + sent->sha256.substr(0, 12) + "\n";
               });
  return Exit::kDone;
}

}  // namespace

Command push_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "push",
      .summary = "Copy a file into a service's data directory on its node",
      .details =
          "It arrives whole or not at all, and keeps its permission bits. PATH is inside of the\n"
          "service's folder ([data] root of the agent, by default /srv/SERVICE); one that ends in\n"
          "'/' is a folder to put it in. A running container is not told.",
      .example = "mcp push app.toml web\nmcp push dump.sql db import/",
      .arguments = {{"FILE", &options->file, "of this machine", Complete::kFile},
                    {"SERVICE", &options->service, "the service", Complete::kService},
                    {"PATH", &options->path, "default: the name of FILE", Complete::kNothing,
                     false}},
      .run = [options](Session& session) { return push(session, *options); },
  };
}

}  // namespace controller
