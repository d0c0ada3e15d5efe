#include "base/git/secret.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

namespace base::git {
namespace {

Error unreadable(const std::string& what, const std::filesystem::path& path) {
  return invalid("cannot read " + what + " " + path.string() + ": " + std::strerror(errno),
                 "the file must exist and be readable by the account that this runs as");
}

std::string decode_base64(std::string_view text) {
  std::vector<unsigned char> out(text.size() + 3);
  const int size = EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  return size < 0 ? std::string() : std::string(out.begin(), out.begin() + size);
}

// The format of OpenSSH's PROTOCOL.key: magic, cipher name, kdf name, kdf options, then the public
// key, each a length and bytes.
KeyFile inspect_openssh(const std::string& body) {
  const std::string binary = decode_base64(body);
  const std::string magic("openssh-key-v1\0", 15);
  const std::string plain("\0\0\0\4none", 8);
  KeyFile key;
  key.encrypted = binary.compare(magic.size(), plain.size(), plain) != 0;
  key.rsa = binary.find("ssh-rsa") != std::string::npos;
  return key;
}

}  // namespace

Result<std::string> read_secret(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    if (!file.is_open()) return unreadable("password_file", path);
    return invalid("password_file " + path.string() + " is empty");
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

Result<KeyFile> inspect_key(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return unreadable("ssh_key", path);
  KeyFile key;
  bool openssh = false;
  std::string line, body;
  while (std::getline(file, line)) {
    if (line.starts_with("-----BEGIN OPENSSH")) openssh = true;
    if (line.starts_with("-----BEGIN RSA")) key.rsa = true;
    if (line.find("ENCRYPTED") != std::string::npos) key.encrypted = true;
    if (!line.starts_with("-----")) body += line;
  }
  return openssh ? inspect_openssh(body) : key;
}

}  // namespace base::git
