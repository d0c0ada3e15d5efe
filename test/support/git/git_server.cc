#include "test/support/git/git_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

#include "test/support/git/git_repo.h"

namespace test {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

std::string program(const std::string& name, const std::string& package) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"})
    if (access((folder + name).c_str(), X_OK) == 0) return folder + name;
  throw std::runtime_error(name + " is not installed (apt-get install " + package + ")");
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool answers(uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool connected =
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(descriptor);
  return connected;
}

std::unique_ptr<base::Child> spawn(const std::vector<std::string>& argv, const fs::path& log) {
  auto child = base::Child::spawn({.argv = argv}, {.output_file = log.string()});
  if (!child) throw std::runtime_error(child.error().text());
  return std::make_unique<base::Child>(std::move(*child));
}

template <class Ready>
void wait_until(base::Child& child, const fs::path& log, Ready ready) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!ready()) {
    if (child.wait(10ms) || std::chrono::steady_clock::now() > end)
      throw std::runtime_error("a server does not start: " + read_file(log));
  }
}

void make_certificates(const fs::path& folder) {
  const std::string openssl = program("openssl", "openssl");
  const auto at = [&](const char* name) { return (folder / name).string(); };
  run({openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
       "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "2", "-subj", "/CN=Test CA"});
  run({openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
       at("server.key"), "-out", at("server.csr"), "-subj", "/CN=localhost"});
  write_file(folder / "names", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  run({openssl, "x509", "-req", "-in", at("server.csr"), "-CA", at("ca.pem"), "-CAkey",
       at("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", at("names"), "-out",
       at("server.pem")});
}

}  // namespace

uint16_t free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no free port");
  close(descriptor);
  return ntohs(address.sin_port);
}

HttpsGitServer::HttpsGitServer(const fs::path& folder, const fs::path& root, const Options& options)
    : folder_(folder), port_(free_port()), tls_(options.tls) {
  fs::create_directories(folder_);
  make_certificates(folder_);
  write_configuration(root, options);
  const fs::path socket = folder_ / "fcgi.sock";
  fcgiwrap_ = spawn({program("fcgiwrap", "fcgiwrap"), "-c", "4", "-s", "unix:" + socket.string()},
                    folder_ / "fcgiwrap.log");
  wait_until(*fcgiwrap_, folder_ / "fcgiwrap.log", [&] { return fs::exists(socket); });
  start();
}

void HttpsGitServer::write_configuration(const fs::path& root, const Options& options) const {
  const std::string at = folder_.string() + "/";
  std::string server = "listen 127.0.0.1:" + std::to_string(port_) + (tls_ ? " ssl" : "") + ";\n";
  if (tls_)
    server += "ssl_certificate " + at + "server.pem;\nssl_certificate_key " + at +
              "server.key;\nssl_protocols " + options.protocols + ";\n";
  if (!options.user.empty()) {
    write_file(folder_ / "users", options.user + ":{PLAIN}" + options.password + "\n");
    server += "auth_basic git;\nauth_basic_user_file " + at + "users;\n";
  }
  std::string temporary;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    temporary += std::string(kind) + "_temp_path " + at + kind + ";\n";
  write_file(folder_ / "nginx.conf",
             std::string(geteuid() == 0 ? "user root;\n" : "") + "daemon off;\npid " + at +
                 "nginx.pid;\nworker_processes 1;\nevents {}\nhttp {\naccess_log " + at +
                 "access.log;\n" + temporary +
                 "client_max_body_size 0;\nfastcgi_buffering off;\nserver {\n" + server +
                 "location / {\nfastcgi_pass unix:" + at +
                 "fcgi.sock;\n"
                 "fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;\n"
                 "fastcgi_param GIT_PROJECT_ROOT " +
                 root.string() +
                 ";\nfastcgi_param GIT_HTTP_EXPORT_ALL 1;\n"
                 "fastcgi_param PATH_INFO $uri;\nfastcgi_param REMOTE_USER $remote_user;\n"
                 "fastcgi_param QUERY_STRING $query_string;\n"
                 "fastcgi_param REQUEST_METHOD $request_method;\n"
                 "fastcgi_param CONTENT_TYPE $content_type;\n"
                 "fastcgi_param CONTENT_LENGTH $content_length;\n}\n}\n}\n");
}

void HttpsGitServer::start() {
  const fs::path log = folder_ / "nginx.log";
  nginx_ = spawn({program("nginx", "nginx-light"), "-e", log.string(), "-c",
                  (folder_ / "nginx.conf").string()},
                 log);
  wait_until(*nginx_, log, [&] { return answers(port_); });
}

void HttpsGitServer::stop() {
  if (nginx_) nginx_->terminate(2s);
  nginx_.reset();
}

std::string HttpsGitServer::url(const std::string& name) const {
  return (tls_ ? "https://localhost:" : "http://localhost:") + std::to_string(port_) + "/" + name;
}

SshGitServer::SshGitServer(const fs::path& folder, const std::string& also)
    : folder_(folder), port_(free_port()) {
  const std::string sshd = program("sshd", "openssh-server");
  fs::create_directories(folder_);
  std::string keys;
  for (const char* type : {"ecdsa", "ed25519", "rsa"}) {
    const std::string key = (folder_ / ("host_" + std::string(type))).string();
    run({program("ssh-keygen", "openssh-client"), "-q", "-t", type, "-N", "", "-f", key});
    keys += "HostKey " + key + "\n";
  }
  // Where sshd, run by root, gives up its privileges; the package's unit makes it at the start.
  if (geteuid() == 0) mkdir("/run/sshd", 0755);
  write_file(folder_ / "authorized_keys", "");
  write_file(folder_ / "sshd_config",
             keys + "ListenAddress 127.0.0.1:" + std::to_string(port_) + "\nPidFile " +
                 (folder_ / "sshd.pid").string() + "\nAuthorizedKeysFile " +
                 (folder_ / "authorized_keys").string() +
                 "\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
                 "KbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n" +
                 also);
  const fs::path log = folder_ / "sshd.log";
  sshd_ = spawn({sshd, "-D", "-e", "-f", (folder_ / "sshd_config").string()}, log);
  wait_until(*sshd_, log, [&] { return answers(port_); });
}

std::string SshGitServer::url(const fs::path& repository, uint16_t port) const {
  return "ssh://" + std::string(getpwuid(geteuid())->pw_name) +
         "@127.0.0.1:" + std::to_string(port == 0 ? port_ : port) + repository.string();
}

fs::path SshGitServer::host_key(const std::string& type) const {
  return folder_ / ("host_" + type + ".pub");
}

fs::path SshGitServer::make_key(const std::string& name, const std::string& type, bool authorized,
                                const std::string& passphrase) {
  const fs::path key = folder_ / name;
  run({"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-f", key.string()});
  if (authorized)
    write_file(folder_ / "authorized_keys",
               read_file(folder_ / "authorized_keys") + read_file(key.string() + ".pub"));
  return key;
}

std::string SshGitServer::log() const {
  return read_file(folder_ / "sshd.log");
}

fs::path SshGitServer::known_hosts(const std::vector<std::string>& types) const {
  std::string lines;
  for (const std::string& type : types)
    lines += "[127.0.0.1]:" + std::to_string(port_) + " " + read_file(host_key(type));
  write_file(folder_ / "known_hosts", lines);
  return folder_ / "known_hosts";
}

}  // namespace test
