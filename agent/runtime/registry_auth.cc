#include "agent/runtime/registry_auth.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

namespace agent {
namespace {

using base::Code;
using base::Result;
using Json = nlohmann::json;

// RFC 4648 section 5, with padding: what podman's own client sends.
std::string base64url(const std::string& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::optional<std::string> from_base64(const std::string& text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<size_t>(size) - padding);
  return bytes;
}

std::vector<std::string> default_files() {
  std::vector<std::string> files;
  const auto add = [&](const char* variable, const char* tail) {
    if (const char* value = std::getenv(variable); value && *value)
      files.push_back(std::string(value) + tail);
  };
  add("REGISTRY_AUTH_FILE", "");
  add("XDG_RUNTIME_DIR", "/containers/auth.json");
  files.push_back("/run/containers/" + std::to_string(::geteuid()) + "/auth.json");
  add("XDG_CONFIG_HOME", "/containers/auth.json");
  add("HOME", "/.config/containers/auth.json");
  add("HOME", "/.docker/config.json");
  return files;
}

// The reference without tag and digest, and every shorter prefix of it down to the registry.
std::vector<std::string> scopes(const std::string& image) {
  const std::string registry = registry_of(image);
  std::string name = image.substr(0, image.find('@'));
  const size_t colon = name.rfind(':');
  const size_t slash = name.rfind('/');
  if (colon != std::string::npos && (slash == std::string::npos || colon > slash))
    name.resize(colon);
  if (!name.starts_with(registry + "/")) name = registry + "/" + name;
  std::vector<std::string> result;
  while (true) {
    result.push_back(name);
    const size_t cut = name.rfind('/');
    if (cut == std::string::npos) return result;
    name.resize(cut);
  }
}

std::string encoded(const Json& credentials) {
  return base64url(credentials.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// Empty: the entry holds none.
std::string header_of(const Json& entry) {
  if (!entry.is_object()) return "";
  Json credentials = Json::object();
  if (entry.contains("identitytoken"))
    credentials["identitytoken"] = entry["identitytoken"];
  else if (entry.contains("auth") && entry["auth"].is_string()) {
    const auto pair = from_base64(entry["auth"].get<std::string>());
    const size_t colon = pair ? pair->find(':') : std::string::npos;
    if (colon == std::string::npos) return "";
    credentials["username"] = pair->substr(0, colon);
    credentials["password"] = pair->substr(colon + 1);
  } else {
    return "";
  }
  return encoded(credentials);
}

Result<RegistryAuth> log_in(const RegistryLogin& login) {
  std::ifstream file(login.password_file);
  std::string password;
  if (!std::getline(file, password) || password.empty())
    return base::make_error(
        Code::kUnauthenticated,
        "cannot read the password of registry " + login.host + " in " + login.password_file,
        "its first line is the password ([[podman.registries]] password_file)");
  if (password.ends_with('\r')) password.pop_back();
  return RegistryAuth{encoded({{"username", login.username}, {"password", password}}),
                      "user '" + login.username + "' and password_file " + login.password_file +
                          " of [[podman.registries]] " + login.host};
}

bool says_any(const std::string& text, std::initializer_list<const char*> phrases) {
  for (const char* phrase : phrases)
    if (text.find(phrase) != std::string::npos) return true;
  return false;
}

}  // namespace

std::string registry_of(const std::string& image) {
  const size_t slash = image.find('/');
  const std::string first = image.substr(0, slash);
  const bool is_host = slash != std::string::npos &&
                       (first.find_first_of(".:") != std::string::npos || first == "localhost");
  return is_host ? first : "docker.io";
}

Result<RegistryAuth> registry_auth(const std::string& image, const PodmanOptions& options) {
  const std::vector<std::string> names = scopes(image);
  for (const std::string& name : names)
    for (const RegistryLogin& login : options.registries)
      if (login.host == name) return log_in(login);
  std::string path = options.auth_file;
  if (path.empty()) {
    for (const std::string& candidate : default_files())
      if (path.empty() && ::access(candidate.c_str(), R_OK) == 0) path = candidate;
    if (path.empty()) return RegistryAuth{};
  }
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  const Json document = Json::parse(text.str(), nullptr, false);
  if (!file || !document.is_object())
    return base::make_error(Code::kUnauthenticated, "cannot read the pull credentials in " + path,
                            "run `podman login --authfile " + path + " " + registry_of(image) +
                                "`, or mend [podman] auth_file");
  const auto auths = document.find("auths");
  if (auths == document.end() || !auths->is_object()) return RegistryAuth{};
  for (const std::string& name : names)
    for (const std::string& key : {name, "https://" + name, "https://" + name + "/v1/"})
      if (const auto entry = auths->find(key); entry != auths->end()) {
        const std::string header = header_of(*entry);
        return RegistryAuth{header, header.empty() ? "" : path};
      }
  return RegistryAuth{};
}

base::Error pull_error(const std::string& image, const std::string& why, const RegistryAuth& auth) {
  const std::string message = "cannot pull " + image + ": " + why;
  const std::string registry = registry_of(image);
  if (says_any(why, {"unauthorized", "authentication required", "access to the resource is denied",
                     "status code 401", "status code 403", "status: 401", "status: 403",
                     "401 (Unauthorized)", "403 (Forbidden)", "invalid username/password",
                     "unable to retrieve auth token"}))
    return base::make_error(
        Code::kUnauthenticated, message,
        registry + (auth.from.empty() ? " was given no credentials" : " refuses " + auth.from) +
            ": `podman login " + registry +
            "`, or correct [[podman.registries]] or [podman] auth_file");
  if (says_any(why, {"manifest unknown", "name unknown", "repository name not known",
                     "404 (Not Found)", "status code 404", "unexpected status code 404"}))
    return base::not_found(message, "push the image, or correct its name");
  if (says_any(why, {"invalid reference format", "short-name", "invalid image reference",
                     "repository name must be lowercase"})) {
    return base::invalid(message, "write the image as REGISTRY/NAME:TAG");
  }
  if (says_any(why, {"no space left"}))
    return base::make_error(Code::kExhausted, message, "`podman system prune`, or a larger disk");
  if (says_any(why, {"server gave HTTP response to HTTPS client", "x509:"}))
    return base::unavailable(message,
                             "see containers-registries.conf(5) and containers-certs.d(5)");
  if (says_any(why, {"connection refused", "no such host", "i/o timeout", "connection reset",
                     "no route to host", "network is unreachable", "TLS handshake", "EOF",
                     "server misbehaving", "deadline exceeded", "pinging container registry",
                     "toomanyrequests", "status code 50", "(Service Unavailable)"}))
    return base::unavailable(message, "is " + registry + " up, and can this node reach it?");
  return base::make_error(Code::kInternal, message);
}

}  // namespace agent
