#include "test/integration/registry/docker_registry.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace test {
namespace {

using base::Millis;
using std::chrono::seconds;

// kPassword with bcrypt, the only form that the registry takes.
constexpr char kUsers[] = "deploy:$2b$04$TfRwft1oTm.Z0DBuHobXL.xU5FHEZ0l4Z7lAbCrciCY8wHumkPkMS\n";

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

bool accepts(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool connected =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return connected;
}

}  // namespace

DockerRegistry::DockerRegistry(const Options& options) : port_(free_port()) {
  std::ofstream(folder_ / "users") << kUsers;
  std::ofstream config(folder_ / "config.yml");
  config << "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
         << "storage: {filesystem: {rootdirectory: '" << folder_ / "data" << "'}}\n"
         << "http:\n  addr: '" << host() << "'\n";
  if (!options.certificate.empty())
    config << "  tls: {certificate: '" << options.certificate << "', key: '" << options.certificate
           << ".key'}\n";
  if (options.login)
    config << "auth: {htpasswd: {realm: test, path: '" << folder_ / "users" << "'}}\n";
  config.close();
  start();
}

void DockerRegistry::start() {
  const std::string log = folder_ / "log";
  auto child = base::Child::spawn(
      {{"docker-registry", "serve", folder_ / "config.yml"}, {{"OTEL_TRACES_EXPORTER", "none"}}},
      {.output_file = log});
  if (!child) throw std::runtime_error(child.error().text() + " (apt-get install docker-registry)");
  const auto end = std::chrono::steady_clock::now() + seconds(20);
  while (!accepts(port_)) {
    if (!child->wait(Millis(10)) && std::chrono::steady_clock::now() < end) continue;
    std::stringstream said;
    said << std::ifstream(log).rdbuf();
    throw std::runtime_error("docker-registry does not start: " + said.str());
  }
  process_ = std::move(*child);
}

void DockerRegistry::stop() {
  process_->terminate(seconds(5));
  process_.reset();
}

void make_certificate(const std::string& file) {
  const auto made = base::run_command(
      {{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", file + ".key", "-out", file}},
      "", seconds(30));
  if (!made || !made->ok())
    throw std::runtime_error("no certificate: " + (made ? made->err : made.error().text()));
}

}  // namespace test
