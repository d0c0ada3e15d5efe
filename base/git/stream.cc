#include "base/git/stream.h"

#include <git2.h>
#include <git2/sys/stream.h>

#include <optional>
#include <string>

#include "base/git/operation.h"

namespace base::git {
namespace {

struct Stream : git_stream {
  std::string host;
  std::string port;
  std::optional<Socket> socket;
};

// Runs `call` with the current operation and turns its error into libgit2's.
template <class Call>
ssize_t guarded(Call call) {
  Operation* operation = Operation::current();
  if (operation == nullptr) return -1;
  auto result = call(*operation);
  if (!result) return operation->fail(std::move(result).error());
  return static_cast<ssize_t>(*result);
}

int connect_stream(git_stream* base) {
  auto& stream = *static_cast<Stream*>(base);
  return static_cast<int>(guarded([&](Operation& operation) -> Result<size_t> {
    MCP_TRY(Socket socket, Socket::connect(stream.host, stream.port, operation.deadline));
    stream.socket.emplace(std::move(socket));
    return size_t{0};
  }));
}

ssize_t read_stream(git_stream* base, void* data, size_t size) {
  auto& stream = *static_cast<Stream*>(base);
  return guarded(
      [&](Operation& operation) { return stream.socket->read(data, size, operation.deadline); });
}

ssize_t write_stream(git_stream* base, const char* data, size_t size, int) {
  auto& stream = *static_cast<Stream*>(base);
  return guarded(
      [&](Operation& operation) { return stream.socket->write(data, size, operation.deadline); });
}

int close_stream(git_stream* base) {
  static_cast<Stream*>(base)->socket.reset();
  return 0;
}

void free_stream(git_stream* base) {
  delete static_cast<Stream*>(base);
}

int make_stream(git_stream** out, const char* host, const char* port) {
  auto* stream = new Stream();
  stream->version = GIT_STREAM_VERSION;
  stream->connect = connect_stream;
  stream->read = read_stream;
  stream->write = write_stream;
  stream->close = close_stream;
  stream->free = free_stream;
  stream->host = host;
  stream->port = port;
  *out = stream;
  return 0;
}

}  // namespace

void register_stream() {
  git_stream_registration registration = {};
  registration.version = GIT_STREAM_VERSION;
  registration.init = make_stream;
  git_stream_register(GIT_STREAM_STANDARD, &registration);
}

}  // namespace base::git
