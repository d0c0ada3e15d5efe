#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "base/core/result.h"

namespace base {

// The file by which a server on a Unix socket is reached (unix(7)). One thread at a time.
class SocketFile {
 public:
  // Error texts name `path`; `mode` and `group` as in HttpServerOptions.
  SocketFile(std::string path, int mode, std::string group);

  // Before bind(2): removes the file of a server that is gone. kConflict: somebody answers there,
  // or it is no socket.
  Result<> clear_the_way() const;
  // For a socket before bind(2): the file appears with this mode less the umask, never wider.
  void limit(int fd) const;
  // After bind(2): gives access, and knows the file from now on.
  Result<> taken();

  // There is none, or another one, at the path.
  bool lost() const;
  // Makes the file again, for the socket that listens as `listening`: that descriptor gets a socket
  // of its own, since the former one cannot be reached ever again.
  Result<> restore(int listening);
  // When it is still ours.
  void remove() const;

 private:
  Error cannot_listen(const std::string& why) const;
  Result<> bind_and_listen(int fd);

  const std::string path_;
  const mode_t mode_;
  const std::string group_;
  std::pair<dev_t, ino_t> identity_ = {};
};

inline constexpr int kHttpBacklog = 128;

}  // namespace base
