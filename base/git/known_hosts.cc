#include "base/git/known_hosts.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <vector>

namespace base::git {
namespace {

constexpr int kAnyKey = LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW;

struct KeyKind {
  int session_type;     // LIBSSH2_HOSTKEY_TYPE_*
  int known_type;       // LIBSSH2_KNOWNHOST_KEY_*
  const char* methods;  // for LIBSSH2_METHOD_HOSTKEY
};
// In the order of preference.
constexpr KeyKind kKinds[] = {
    {LIBSSH2_HOSTKEY_TYPE_ED25519, LIBSSH2_KNOWNHOST_KEY_ED25519, "ssh-ed25519"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_256, LIBSSH2_KNOWNHOST_KEY_ECDSA_256, "ecdsa-sha2-nistp256"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_384, LIBSSH2_KNOWNHOST_KEY_ECDSA_384, "ecdsa-sha2-nistp384"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_521, LIBSSH2_KNOWNHOST_KEY_ECDSA_521, "ecdsa-sha2-nistp521"},
    {LIBSSH2_HOSTKEY_TYPE_RSA, LIBSSH2_KNOWNHOST_KEY_SSHRSA, "rsa-sha2-512,rsa-sha2-256,ssh-rsa"},
};

int check_key(LIBSSH2_KNOWNHOSTS* hosts, const std::string& host, int port, const char* key,
              size_t size, int type) {
  return libssh2_knownhost_checkp(hosts, host.c_str(), port, key, size, kAnyKey | type, nullptr);
}

std::string scan_command(const std::string& host, int port, const std::filesystem::path& path) {
  const std::string port_option = port == 22 ? "" : "-p " + std::to_string(port) + " ";
  return "ssh-keyscan " + port_option + host + " >> " + path.string();
}

// How the file names a host.
std::string known_name(const std::string& host, int port) {
  return port == 22 ? host : "[" + host + "]:" + std::to_string(port);
}

std::filesystem::path default_path() {
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "/root" : home) / ".ssh" / "known_hosts";
}

}  // namespace

bool rsa_means_sha1() {
  return libssh2_version(0x010b00) == nullptr;
}

std::string fingerprint(LIBSSH2_SESSION* session) {
  const char* hash = libssh2_hostkey_hash(session, LIBSSH2_HOSTKEY_HASH_SHA256);
  if (hash == nullptr) return "SHA256:unknown";
  unsigned char text[48] = {};
  EVP_EncodeBlock(text, reinterpret_cast<const unsigned char*>(hash), 32);
  std::string out = reinterpret_cast<const char*>(text);
  while (!out.empty() && out.back() == '=') out.pop_back();
  return "SHA256:" + out;
}

Result<KnownHosts> KnownHosts::load(LIBSSH2_SESSION* session, const std::filesystem::path& given) {
  const std::filesystem::path path = given.empty() ? default_path() : given;
  Handle hosts(libssh2_knownhost_init(session), libssh2_knownhost_free);
  if (hosts == nullptr) return make_error(Code::kExhausted, "no memory for known_hosts");
  const int read =
      libssh2_knownhost_readfile(hosts.get(), path.c_str(), LIBSSH2_KNOWNHOST_FILE_OPENSSH);
  // No default file is the same as one that knows nobody.
  if (read < 0 && !(given.empty() && read == LIBSSH2_ERROR_FILE)) {
    char* why = nullptr;
    libssh2_session_last_error(session, &why, nullptr, 0);
    return invalid("cannot read known_hosts " + path.string() + ": " + (why ? why : "unreadable"),
                   "it holds lines of 'host key-type key'; ssh-keyscan prints them");
  }
  return KnownHosts(session, path, std::move(hosts));
}

std::string KnownHosts::known_methods(const std::string& host, int port) const {
  // A key that nobody has: a host with a key of the kind is a mismatch, else not found.
  const char nobody = '\0';
  std::string methods;
  for (const KeyKind& kind : kKinds)
    if (check_key(hosts_.get(), host, port, &nobody, 1, kind.known_type) ==
        LIBSSH2_KNOWNHOST_CHECK_MISMATCH)
      methods += (methods.empty() ? "" : ",") + std::string(kind.methods);
  return methods;
}

std::string KnownHosts::handshake_hint(const std::string& host, int port) const {
  if (!rsa_means_sha1() || !known_methods(host, port).starts_with("rsa")) return {};
  return path_.string() +
         " has only an RSA key of the server, which libssh2 here can check only through SHA-1: " +
         scan_command(host, port, path_);
}

Result<> KnownHosts::prefer_known_keys(const std::string& host, int port) const {
  const std::string methods = known_methods(host, port);
  if (methods.empty()) return {};
  // Methods that this libssh2 does not know are passed over; none left is an error.
  if (libssh2_session_method_pref(session_, LIBSSH2_METHOD_HOSTKEY, methods.c_str()) < 0)
    return invalid(
        "libssh2 cannot check the kinds of host key in " + path_.string() + " (" + methods + ")",
        "add the server's ed25519 key: " + scan_command(host, port, path_));
  return {};
}

Result<> KnownHosts::check(const std::string& host, int port) const {
  size_t size = 0;
  int type = 0;
  const char* key = libssh2_session_hostkey(session_, &size, &type);
  if (key == nullptr) return make_error(Code::kDenied, "the server showed no host key");
  int known_type = LIBSSH2_KNOWNHOST_KEY_UNKNOWN;
  for (const KeyKind& kind : kKinds)
    if (kind.session_type == type) known_type = kind.known_type;
  const std::string shown =
      "host key " + fingerprint(session_) + " of " + host + " port " + std::to_string(port);
  switch (check_key(hosts_.get(), host, port, key, size, known_type)) {
    case LIBSSH2_KNOWNHOST_CHECK_MATCH:
      return {};
    case LIBSSH2_KNOWNHOST_CHECK_MISMATCH:
      return make_error(Code::kDenied,
                        shown + " is not the one in " + path_.string() +
                            ": the server was set up anew, or somebody is in between",
                        "ask the server's administrator; when it is right: ssh-keygen -f " +
                            path_.string() + " -R '" + known_name(host, port) + "' and " +
                            scan_command(host, port, path_));
    default:
      return make_error(
          Code::kDenied, shown + " is not in " + path_.string(),
          "compare the fingerprint with the server's, then: " + scan_command(host, port, path_));
  }
}

}  // namespace base::git
