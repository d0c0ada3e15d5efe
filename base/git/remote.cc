#include "base/git/remote.h"

#include <git2/sys/transport.h>

#include <mutex>
#include <utility>

#include "base/git/library.h"
#include "base/git/operation.h"
#include "base/git/secret.h"
#include "base/git/ssh_transport.h"
#include "base/git/ssh_url.h"

namespace base::git {
namespace {

constexpr const char* kSystemCas = "/etc/ssl/certs/ca-certificates.crt";

// libgit2's CA set is one for the process, and changing it while a handshake reads it is a race.
class TlsTurn {
 public:
  static Result<TlsTurn> take(const Credentials& credentials) {
    static std::mutex mutex;
    static std::string applied;
    TlsTurn turn{std::unique_lock(mutex)};
    const std::string wanted =
        credentials.ca_file.empty() ? kSystemCas : credentials.ca_file.string();
    std::error_code failed;
    const auto written = std::filesystem::last_write_time(wanted, failed);
    const std::string version =
        wanted + "@" + std::to_string(failed ? 0 : written.time_since_epoch().count());
    // At the start libgit2 has the system's.
    if (version == applied || (applied.empty() && credentials.ca_file.empty())) return turn;
    if (git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, wanted.c_str(), nullptr) < 0)
      return invalid("cannot read ca_file " + wanted + ": " + git_error_last()->message,
                     "it must hold certificates in PEM form");
    applied = version;
    return turn;
  }

 private:
  explicit TlsTurn(std::unique_lock<std::mutex> lock) : lock_(std::move(lock)) {}
  std::unique_lock<std::mutex> lock_;
};

int give_credentials(git_credential** out, const char*, const char* url_user, unsigned allowed,
                     void* payload) {
  auto& operation = *static_cast<Operation*>(payload);
  const Credentials& credentials = operation.remote.credentials;
  std::string user = credentials.username;
  if (user.empty() && url_user != nullptr) user = url_user;
  if (credentials.password_file.empty())
    return operation.fail(make_error(Code::kUnauthenticated, "the git server wants a password",
                                     "set username and password_file"));
  if (operation.credential_requests++ > 0)
    return operation.fail(make_error(
        Code::kUnauthenticated, "the git server refuses the password of '" + user + "' (401)",
        "check username and what is in " + credentials.password_file.string()));
  if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) == 0)
    return operation.fail(
        make_error(Code::kUnauthenticated, "the git server takes no user name and password"));
  const Result<std::string> password = read_secret(credentials.password_file);
  if (!password) return operation.fail(password.error());
  // Token servers look at the password alone, but want some name.
  return git_credential_userpass_plaintext_new(out, user.empty() ? "git" : user.c_str(),
                                               password->c_str());
}

// A callback that returns non-zero ends the transfer.
int on_sideband(const char*, int, void* payload) {
  return static_cast<Operation*>(payload)->deadline.passed() ? GIT_EUSER : 0;
}
int on_progress(const git_indexer_progress*, void* payload) {
  return static_cast<Operation*>(payload)->deadline.passed() ? GIT_EUSER : 0;
}

void set_callbacks(git_remote_callbacks& callbacks, Operation& operation) {
  callbacks.credentials = give_credentials;
  callbacks.sideband_progress = on_sideband;
  callbacks.transfer_progress = on_progress;
  callbacks.payload = &operation;
  if (parse_ssh_url(operation.remote.url)) callbacks.transport = make_ssh_transport;
}

std::string ref_of(const std::string& branch) {
  return branch.starts_with("refs/") ? branch : "refs/heads/" + branch;
}

// The branch among what the remote has.
Result<Oid> find_head(git_remote* remote, const std::string& branch) {
  const git_remote_head** heads = nullptr;
  size_t count = 0;
  GIT_CHECK("list the branches", git_remote_ls(&heads, &count, remote));
  bool any_branch = false;
  for (size_t i = 0; i < count; ++i) {
    const std::string_view name = heads[i]->name;
    if (name == ref_of(branch)) return to_oid(heads[i]->oid);
    any_branch = any_branch || name.starts_with("refs/heads/");
  }
  if (!any_branch) return not_found("the repository is empty", "push a first commit to it");
  return not_found("there is no branch '" + branch + "'", "check branch, or push it");
}

bool has_commit(const Repository& repository, const Oid& oid) {
  return repository.commit(oid).has_value();
}

Result<> download(git_remote* remote, const std::string& branch, Operation& operation) {
  const std::string spec = "+" + ref_of(branch) + ":" + ref_of(branch);
  char* specs[] = {const_cast<char*>(spec.c_str())};
  const git_strarray wanted = {specs, 1};
  git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
  set_callbacks(options.callbacks, operation);
  options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
  options.update_fetchhead = 0;
  options.prune = GIT_FETCH_NO_PRUNE;
  const int code = git_remote_download(remote, &wanted, &options);
  if (code < 0) return remote_error(code, operation, "the transfer failed");
  return {};
}

// None: the transfer needs none.
Result<std::optional<TlsTurn>> take_turn(const Remote& remote) {
  if (!remote.url.starts_with("https://")) return std::optional<TlsTurn>();
  MCP_TRY(TlsTurn turn, TlsTurn::take(remote.credentials));
  return std::optional<TlsTurn>(std::move(turn));
}

int make_remote(RemoteHandle& handle, Repository& repository, const std::string& url) {
  // The url means what it says: no url.<base>.insteadOf of this machine's git configuration. Nor
  // would that be cheap: libgit2 1.5 loses 20 KB for each line of configuration that is none.
  git_remote_create_options options = GIT_REMOTE_CREATE_OPTIONS_INIT;
  options.repository = repository.handle();
  options.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF;
  return open_into(
      handle, [&](auto** out) { return git_remote_create_with_opts(out, url.c_str(), &options); });
}

int on_pushed(const char* ref, const char* refusal, void* payload) {
  if (refusal == nullptr) return 0;
  return static_cast<Operation*>(payload)->fail(
      make_error(Code::kDenied, "the server refuses " + std::string(ref) + ": " + refusal,
                 "the account must be allowed to write it"));
}

int on_push_progress(unsigned, unsigned, size_t, void* payload) {
  return static_cast<Operation*>(payload)->deadline.passed() ? GIT_EUSER : 0;
}

}  // namespace

std::string printable_url(std::string_view url) {
  std::string out(url);
  const size_t scheme = out.find("://");
  if (scheme == std::string::npos) return out;
  const size_t end = out.find('/', scheme + 3);
  const size_t at = out.rfind('@', end);
  if (at == std::string::npos || at < scheme) return out;
  // For a web server the name may be a token; ssh's is no secret.
  const size_t colon = out.find(':', scheme + 3);
  if (out.starts_with("http"))
    out.erase(scheme + 3, at + 1 - (scheme + 3));
  else if (colon < at)
    out.erase(colon, at - colon);
  return out;
}

Result<Oid> fetch(Repository& into, const Remote& remote, const std::string& branch,
                  const Oid& known) {
  const std::string what = "cannot fetch " + branch + " of " + printable_url(remote.url);
  const auto turn = take_turn(remote);
  if (!turn) return turn.error().within(what);
  Operation operation(remote);
  git_remote_callbacks callbacks = GIT_REMOTE_CALLBACKS_INIT;
  set_callbacks(callbacks, operation);
  RemoteHandle handle;
  int code = make_remote(handle, into, remote.url);
  if (code < 0) return remote_error(code, operation, what);
  code = git_remote_connect(handle.get(), GIT_DIRECTION_FETCH, &callbacks, nullptr, nullptr);
  if (code < 0) return remote_error(code, operation, what);
  const Result<Oid> head = find_head(handle.get(), branch);
  if (!head) return head.error().within(what);
  if (*head == known) return *head;
  if (!has_commit(into, *head))
    if (const auto done = download(handle.get(), branch, operation); !done)
      return done.error().within(what);
  // A repository that lost objects which its refs name takes them for present and asks for none.
  if (!has_commit(into, *head))
    return make_error(Code::kCorrupt,
                      what + ": " + into.git_dir().string() + " lacks objects that it should have");
  MCP_CHECK(into.set_ref(ref_of(branch), *head, "fetch"));
  return *head;
}

Result<> push(Repository& from, const Remote& remote, const std::string& ref) {
  const std::string what = "cannot push " + ref + " to " + printable_url(remote.url);
  const auto turn = take_turn(remote);
  if (!turn) return turn.error().within(what);
  Operation operation(remote);
  git_push_options options = GIT_PUSH_OPTIONS_INIT;
  set_callbacks(options.callbacks, operation);
  options.callbacks.push_update_reference = on_pushed;
  options.callbacks.push_transfer_progress = on_push_progress;
  options.pb_parallelism = 1;
  RemoteHandle handle;
  int code = make_remote(handle, from, remote.url);
  if (code < 0) return remote_error(code, operation, what);
  const std::string spec = "+" + ref + ":" + ref;
  char* specs[] = {const_cast<char*>(spec.c_str())};
  const git_strarray wanted = {specs, 1};
  code = git_remote_push(handle.get(), &wanted, &options);
  if (code < 0) return remote_error(code, operation, what);
  return {};
}

}  // namespace base::git
