#include "agent/source/verify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "base/core/text.h"
#include "base/process/process.h"

namespace agent {
namespace {

namespace git = base::git;
using base::Result;

constexpr base::Millis kDeadline = std::chrono::seconds(15);
constexpr size_t kMaxOutput = 64 << 10;
// Of the signatures that git makes (its gpg-interface.c); one for another use counts for nothing.
constexpr char kNamespace[] = "git";
constexpr char kSshSignature[] = "-----BEGIN SSH SIGNATURE-----";

// A file that goes with this object; only we may read it.
class TemporaryFile {
 public:
  static Result<TemporaryFile> with(const std::string& text) {
    TemporaryFile file;
    std::error_code failed;
    std::string name =
        (std::filesystem::temp_directory_path(failed) / "mcp-verify-XXXXXX").string();
    const int fd = failed ? -1 : ::mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0) file.path_ = name;
    const bool written =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (written) return file;
    return base::make_error(base::Code::kInternal, "cannot write the temporary file " + name +
                                                       ": " + std::strerror(error));
  }
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  TemporaryFile() = default;
  std::string path_;
};

// Of whoever pushed: it goes to terminals and logs.
std::string harmless(const std::string& text) {
  constexpr size_t kMost = 100;
  std::string out = text.substr(0, kMost);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  return out;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// "Good "git" signature with ED25519 key SHA256:..." -> "ED25519 key SHA256:..."
std::string key_of(const std::string& said) {
  const size_t at = said.find(" with ");
  return at == std::string::npos ? "an unknown key" : first_line(said.substr(at + 6));
}

Result<> readable(const std::filesystem::path& file, const char* key, const char* hint) {
  if (::access(file.c_str(), R_OK) == 0) return {};
  return base::invalid(
      "cannot read " + file.string() + " ([source.verify] " + key + "): " + std::strerror(errno),
      hint);
}

base::Error denied(const std::string& message, const std::string& hint) {
  return base::make_error(base::Code::kDenied, message, hint);
}

class SshCheck {
 public:
  SshCheck(const git::SignedCommit& commit, const VerifyConfig& config)
      : commit_(commit), signers_(config.allowed_signers.string()) {}

  Result<std::string> run(const std::string& signature) const {
    MCP_TRY(const auto intact, keygen({"check-novalidate", "-n", kNamespace, "-s", signature}));
    if (!intact.ok())
      return denied("has a signature that does not fit it: " + first_line(intact.err + intact.out),
                    "somebody has changed the commit, or copied the signature from elsewhere");
    const std::string key = key_of(intact.out);
    MCP_TRY(const auto found, keygen({"find-principals", "-f", signers_, "-s", signature}));
    const std::string principal = first_line(found.out);
    if (!found.ok() || principal.empty()) return unknown(key, found.err);
    MCP_TRY(const auto good,
            keygen({"verify", "-f", signers_, "-I", principal, "-n", kNamespace, "-s", signature}));
    if (!good.ok()) return unknown(key, good.err);
    return principal + ", " + key;
  }

 private:
  base::Error unknown(const std::string& key, const std::string& why) const {
    return denied("is signed with the " + key + ", which " + signers_ +
                      " does not let sign: " + first_line(why),
                  "let somebody sign who may, or add the key to that file if it is meant");
  }

  Result<base::Finished> keygen(std::vector<std::string> arguments) const {
    base::Command command{{"ssh-keygen", "-Y"}, {{"LC_ALL", "C"}}};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    return base::run_command(command, commit_.payload, kDeadline, kMaxOutput);
  }

  const git::SignedCommit& commit_;
  const std::string signers_;
};

// gpgv says the state of the key in its status lines alone, and takes an expired one for good
// (gpgv(1); doc/DETAILS of GnuPG).
Result<std::string> judge_gpgv(const base::Finished& said, const std::string& keyring) {
  std::string signer, trouble;
  for (const std::string& line : base::split(said.out, '\n')) {
    const auto words = base::split(line, ' ');
    if (words.size() < 3 || words[0] != "[GNUPG:]") continue;
    const std::string& word = words[1];
    const std::string who = base::join(std::span(words).subspan(2), " ");
    if (word == "GOODSIG") signer = who;
    if (word == "BADSIG") trouble = "has a signature of " + who + " that does not fit it";
    if (word == "EXPKEYSIG") trouble = "is signed with the key " + who + ", which has expired";
    if (word == "REVKEYSIG") trouble = "is signed with the key " + who + ", which was revoked";
    if (word == "EXPSIG") trouble = "has a signature of " + who + " that has expired";
    if (word == "NO_PUBKEY")
      trouble = "is signed with the key " + words[2] + ", which is not in " + keyring;
  }
  if (said.ok() && !signer.empty() && trouble.empty()) return signer;
  if (trouble.empty()) trouble = "has a signature that gpgv refuses: " + first_line(said.err);
  return denied(trouble, "let somebody sign who may, or export the key into the keyring");
}

Result<std::string> check(const git::SignedCommit& commit, const VerifyConfig& config) {
  const bool ssh = config.mode == VerifyConfig::Mode::kSsh;
  const char* kind = ssh ? "ssh" : "gpg";
  MCP_CHECK(ssh ? readable(config.allowed_signers, "allowed_signers",
                           "one line a signer: see ssh-keygen(1), ALLOWED SIGNERS")
                : readable(config.keyring, "keyring", "gpg --export KEY > FILE"));
  if (commit.signature.empty())
    return denied("is not signed",
                  std::string("sign it, as with `git commit -S` and gpg.format = ") +
                      (ssh ? "ssh" : "openpgp"));
  if (commit.signature.starts_with(kSshSignature) != ssh)
    return denied(std::string("has no signature of the kind ") + kind,
                  std::string("[source.verify] mode = \"") + kind + "\" wants one");
  MCP_TRY(const TemporaryFile signature, TemporaryFile::with(commit.signature + "\n"));
  if (ssh) return SshCheck(commit, config).run(signature.path());
  const std::string keyring = std::filesystem::absolute(config.keyring).string();
  MCP_TRY(
      const auto said,
      base::run_command({{"gpgv", "--status-fd", "1", "--keyring", keyring, signature.path(), "-"},
                         {{"LC_ALL", "C"}}},
                        commit.payload, kDeadline, kMaxOutput));
  return judge_gpgv(said, keyring);
}

}  // namespace

Result<std::string> verify_commit(const git::Repository& repository, const git::Oid& commit,
                                  const VerifyConfig& config) {
  MCP_TRY(const git::CommitInfo info, repository.commit(commit));
  MCP_TRY(const git::SignedCommit parts, repository.signature(commit));
  auto signer = check(parts, config);
  if (signer) return signer;
  base::Error error = signer.error();
  const std::string what = "commit " + commit.str().substr(0, 7) + " (" + harmless(info.subject()) +
                           ", by " + harmless(info.author.name + " <" + info.author.email) + ">)";
  error.message = error.code == base::Code::kDenied
                      ? what + " " + error.message
                      : "cannot verify " + what + ": " + error.message;
  error.message += "; it is not used, and what was in force stays";
  return error;
}

std::string signers_version(const VerifyConfig& config) {
  const auto& file =
      config.mode == VerifyConfig::Mode::kSsh ? config.allowed_signers : config.keyring;
  struct stat known{};
  if (::stat(file.c_str(), &known) != 0) return "missing";
  return std::to_string(known.st_ino) + " " + std::to_string(known.st_size) + " " +
         std::to_string(known.st_mtim.tv_sec) + "." + std::to_string(known.st_mtim.tv_nsec);
}

}  // namespace agent
