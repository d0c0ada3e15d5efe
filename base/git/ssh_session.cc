#include "base/git/ssh_session.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/git/known_hosts.h"
#include "base/git/secret.h"

namespace base::git {
namespace {

void initialize_libssh2() {
  static std::once_flag once;
  std::call_once(once, [] { libssh2_init(0); });
}

}  // namespace

SshSession::SshSession(const SshUrl& url, const Operation& operation)
    : url_(url), operation_(operation) {}

SshSession::~SshSession() {
  if (session_ == nullptr) return;
  // A farewell must not wait for a server that hangs.
  libssh2_session_set_timeout(session_, 200);
  if (channel_ != nullptr) libssh2_channel_free(channel_);
  libssh2_session_disconnect(session_, "done");
  libssh2_session_free(session_);
}

Result<std::unique_ptr<SshSession>> SshSession::open(const SshUrl& url, const Operation& operation,
                                                     const std::string& command) {
  initialize_libssh2();
  std::unique_ptr<SshSession> self(new SshSession(url, operation));
  MCP_TRY(Socket socket, Socket::connect(url.host, std::to_string(url.port), operation.deadline));
  self->socket_.emplace(std::move(socket));
  MCP_CHECK(self->handshake());
  MCP_CHECK(self->log_in());
  MCP_CHECK(self->start(command));
  return self;
}

void SshSession::limit_time() {
  const long left = static_cast<long>(operation_.deadline.left().count());
  libssh2_session_set_timeout(session_, std::max(left, 1L));  // 0 would be for ever
}

Error SshSession::failure(const std::string& what, Code code, const std::string& hint) {
  // libssh2 counts in whole seconds and may end a little early.
  if (operation_.deadline.passed() || libssh2_session_last_errno(session_) == LIBSSH2_ERROR_TIMEOUT)
    return operation_.deadline.error(what);
  char* why = nullptr;
  libssh2_session_last_error(session_, &why, nullptr, 0);
  return make_error(code, what + " failed: " + (why == nullptr ? "no reason given" : why), hint);
}

Result<> SshSession::handshake() {
  session_ = libssh2_session_init();
  if (session_ == nullptr) return make_error(Code::kExhausted, "no memory for an ssh session");
  libssh2_session_set_blocking(session_, 1);
  MCP_TRY(const KnownHosts known,
          KnownHosts::load(session_, operation_.remote.credentials.known_hosts));
  MCP_CHECK(known.prefer_known_keys(url_.host, url_.port));
  limit_time();
  if (libssh2_session_handshake(session_, socket_->descriptor()) != 0)
    return failure("the ssh handshake with " + url_.host, Code::kUnavailable,
                   known.handshake_hint(url_.host, url_.port));
  return known.check(url_.host, url_.port);
}

Result<> SshSession::log_in() {
  const Credentials& credentials = operation_.remote.credentials;
  std::string user = url_.user;
  if (user.empty()) user = credentials.username.empty() ? "git" : credentials.username;
  if (!credentials.ssh_key.empty()) return log_in_with_key(user);
  if (!credentials.password_file.empty()) return log_in_with_password(user);
  return log_in_with_agent(user);
}

Result<> SshSession::log_in_with_key(const std::string& user) {
  const std::string& path = operation_.remote.credentials.ssh_key.string();
  MCP_TRY(const KeyFile key, inspect_key(path));
  if (key.encrypted)
    return invalid("the ssh key " + path + " has a passphrase, and nobody is there to type it",
                   "use a key of its own without one: ssh-keygen -t ed25519 -N ''");
  limit_time();
  const int code = libssh2_userauth_publickey_fromfile_ex(
      session_, user.data(), static_cast<unsigned>(user.size()), nullptr, path.c_str(), "");
  if (code == 0) return {};
  const std::string what = "login as " + user + " with key " + path;
  if (key.rsa && rsa_means_sha1())
    return failure(what, Code::kUnauthenticated,
                   "libssh2 here can sign with an RSA key only through SHA-1, which OpenSSH 8.8 "
                   "and later refuse: use an ed25519 key");
  return failure(what, Code::kUnauthenticated,
                 "put its public half into the account's authorized keys on the server");
}

Result<> SshSession::log_in_with_password(const std::string& user) {
  MCP_TRY(const std::string password, read_secret(operation_.remote.credentials.password_file));
  limit_time();
  if (libssh2_userauth_password(session_, user.c_str(), password.c_str()) == 0) return {};
  return failure("login as " + user + " with a password", Code::kUnauthenticated,
                 "check password_file, or set ssh_key");
}

Result<> SshSession::log_in_with_agent(const std::string& user) {
  const std::unique_ptr<LIBSSH2_AGENT, void (*)(LIBSSH2_AGENT*)> agent(libssh2_agent_init(session_),
                                                                       libssh2_agent_free);
  const std::string hint = "set ssh_key, or start an ssh agent that holds the key";
  if (agent == nullptr || libssh2_agent_connect(agent.get()) != 0 ||
      libssh2_agent_list_identities(agent.get()) != 0)
    return make_error(Code::kUnauthenticated, "no ssh key is configured and no ssh agent answers",
                      hint);
  libssh2_agent_publickey *identity = nullptr, *previous = nullptr;
  while (libssh2_agent_get_identity(agent.get(), &identity, previous) == 0) {
    limit_time();
    if (libssh2_agent_userauth(agent.get(), user.c_str(), identity) == 0) return {};
    previous = identity;
  }
  return make_error(Code::kUnauthenticated,
                    url_.host + " lets " + user + " in with no key of the ssh agent", hint);
}

Result<> SshSession::start(const std::string& command) {
  limit_time();
  channel_ = libssh2_channel_open_session(session_);
  if (channel_ == nullptr) return failure("opening an ssh channel");
  limit_time();
  if (libssh2_channel_exec(channel_, command.c_str()) != 0)
    return failure("running '" + command + "'");
  return {};
}

Result<size_t> SshSession::read(char* buffer, size_t size) {
  limit_time();
  const ssize_t got = libssh2_channel_read(channel_, buffer, size);
  if (got < 0) return failure("reading from the git server");
  if (got > 0) answered_ = true;
  if (got > 0 || answered_) return static_cast<size_t>(got);
  char text[1024];
  limit_time();
  const ssize_t said = libssh2_channel_read_stderr(channel_, text, sizeof text);
  std::string why(text, static_cast<size_t>(std::max<ssize_t>(said, 0)));
  while (!why.empty() && (why.back() == '\n' || why.back() == '\r')) why.pop_back();
  std::replace(why.begin(), why.end(), '\n', ' ');
  if (why.empty()) return unavailable("the git server ended the session without a word");
  return not_found("the git server says: " + why, "check the path in the url");
}

Result<> SshSession::write(const char* data, size_t size) {
  while (size > 0) {
    limit_time();
    const ssize_t put = libssh2_channel_write(channel_, data, size);
    if (put < 0) return failure("sending to the git server");
    data += put;
    size -= static_cast<size_t>(put);
  }
  return {};
}

}  // namespace base::git
