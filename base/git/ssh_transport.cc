#include "base/git/ssh_transport.h"

#include <git2/sys/transport.h>

#include <memory>
#include <string>

#include "base/git/ssh_session.h"

namespace base::git {
namespace {

struct Stream : git_smart_subtransport_stream {
  std::unique_ptr<SshSession> session;
};

struct Subtransport : git_smart_subtransport {
  Stream* stream = nullptr;  // owned by libgit2, which frees it before us
};

// Runs `call` and turns its error into libgit2's.
template <class Call>
int guarded(Call call) {
  Operation* operation = Operation::current();
  if (operation == nullptr) return -1;
  Result<> result = call(*operation);
  return result ? 0 : operation->fail(std::move(result).error());
}

int read_stream(git_smart_subtransport_stream* base, char* buffer, size_t size, size_t* got) {
  return guarded([&](Operation&) -> Result<> {
    MCP_TRY(const size_t size_read, static_cast<Stream*>(base)->session->read(buffer, size));
    *got = size_read;
    return {};
  });
}

int write_stream(git_smart_subtransport_stream* base, const char* data, size_t size) {
  return guarded(
      [&](Operation&) { return static_cast<Stream*>(base)->session->write(data, size); });
}

void free_stream(git_smart_subtransport_stream* base) {
  static_cast<Subtransport*>(base->subtransport)->stream = nullptr;
  delete static_cast<Stream*>(base);
}

// As one word of a POSIX shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

int act(git_smart_subtransport_stream** out, git_smart_subtransport* base, const char* text,
        git_smart_service_t service) {
  auto& transport = *static_cast<Subtransport*>(base);
  return guarded([&](Operation& operation) -> Result<> {
    const bool goes_on = service == GIT_SERVICE_UPLOADPACK || service == GIT_SERVICE_RECEIVEPACK;
    if (goes_on && transport.stream != nullptr) {
      *out = transport.stream;
      return {};
    }
    const auto url = parse_ssh_url(text);
    if (!url || goes_on)
      return invalid("'" + std::string(text) + "' is not an ssh url",
                     "ssh://user@host:port/path or user@host:path");
    auto stream = std::make_unique<Stream>();
    stream->subtransport = base;
    stream->read = read_stream;
    stream->write = write_stream;
    stream->free = free_stream;
    const std::string program =
        service == GIT_SERVICE_RECEIVEPACK_LS ? "git-receive-pack " : "git-upload-pack ";
    MCP_TRY(stream->session, SshSession::open(*url, operation, program + quoted(url->path)));
    transport.stream = stream.release();
    *out = transport.stream;
    return {};
  });
}

int close_transport(git_smart_subtransport*) {
  return 0;
}

void free_transport(git_smart_subtransport* base) {
  delete static_cast<Subtransport*>(base);
}

int make_subtransport(git_smart_subtransport** out, git_transport*, void*) {
  auto* transport = new Subtransport();
  transport->action = act;
  transport->close = close_transport;
  transport->free = free_transport;
  *out = transport;
  return 0;
}

}  // namespace

int make_ssh_transport(git_transport** out, git_remote* owner, void*) {
  git_smart_subtransport_definition definition = {make_subtransport, 0, nullptr};
  return git_transport_smart(out, owner, &definition);
}

}  // namespace base::git
