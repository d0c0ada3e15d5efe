#include "test/integration/proxy/proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace test {
namespace {

const std::string kHere = std::string(MCP_SOURCE_DIR) + "/test/integration/proxy/";
const std::string kBin = std::string(MCP_BINARY_DIR) + "/bin/";
constexpr std::chrono::seconds kPatience{60};

sockaddr_in local(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// What the kernel makes of it; 0 when it is taken.
int bound(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = local(port);
  socklen_t size = sizeof address;
  const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  return free ? ntohs(address.sin_port) : 0;
}

bool connects(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = local(port);
  const bool up = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return up;
}

// Polls what has no event to wait for.
bool eventually(const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 20);
  }
  return true;
}

}  // namespace

int free_port() {
  return bound(0);
}

int free_low_port() {
  int port = 1023;
  while (bound(port) != port && port > 1) --port;
  return port;
}

void make_certificate(const std::string& stem, const std::string& host, int days,
                      const std::string& ca, const std::string& also) {
  std::vector<std::string> argv{"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-keyout",
                                stem + ".key",
                                "-out",
                                stem + ".pem",
                                "-subj",
                                "/CN=" + host,
                                "-addext",
                                "subjectAltName=DNS:" + host + (also.empty() ? "" : ",DNS:" + also),
                                "-days",
                                std::to_string(days)};
  if (!ca.empty()) argv.insert(argv.end(), {"-CA", ca + ".pem", "-CAkey", ca + ".key"});
  const Output made = run(argv);
  ASSERT_EQ(made.code, 0) << made.err;
}

bool have_ipv6() {
  return std::ifstream("/proc/net/if_inet6").good();
}

Output run(std::vector<std::string> argv, const std::string& input) {
  const auto done = base::run_command({std::move(argv)}, input, kPatience);
  if (!done) return {-1, "", done.error().text()};
  return {done->exit_code, done->out, done->err};
}

Backend::Backend(const std::string& name, std::vector<std::string> flags) : port_(free_port()) {
  std::vector<std::string> argv{"python3", kHere + "backend.py", std::to_string(port_), name};
  argv.insert(argv.end(), flags.begin(), flags.end());
  child_ = std::move(*base::Child::spawn({argv}, {.die_with_thread = true}));
  wait();
}

Backend::Backend(std::vector<std::string> argv, int port) : port_(port) {
  child_ = std::move(*base::Child::spawn({std::move(argv)}, {.die_with_thread = true}));
  wait();
}

void Backend::wait() const {
  EXPECT_TRUE(eventually([this] { return connects(port_); })) << "the backend does not start";
}

Proxy::Proxy(const ProxyOptions& options)
    : address_(options.address),
      port_(options.port == 0 ? free_port() : options.port),
      own_resolver_(!options.resolver.empty()),
      nobody_(options.nobody) {
  std::ofstream(dir_ / "resolv.conf") << options.resolver;
  name_hosts("");
  configure(options);
  std::filesystem::create_directory(dir_ / "certs");
  if (!options.disk.empty()) {
    std::filesystem::create_directory(dir_ / "state");
    const Output done =
        run({"mount", "-t", "tmpfs", "-o", "size=" + options.disk, "tmpfs", dir_ / "state"});
    mounted_ = done.code == 0;
    EXPECT_TRUE(mounted_) << done.err;
  }
  start();
}

void Proxy::configure(const ProxyOptions& options) {
  std::ofstream out(dir_ / "mc-proxy.toml");
  out << options.more << "[[listeners]]\naddress = \"" << listener()
      << "\"\nproxy_protocol = " << (options.proxy_protocol ? "true" : "false")
      << "\n[api]\nsocket = \"" << dir_ / "api.sock" << "\"\n[database]\npath = \""
      << dir_ / "state/mc-proxy.db" << "\"\n[certificates]\ndir = \"" << dir_ / "certs" << "\"\n";
  if (options.dev_ca) out << "dev_ca = \"" << dir_ / "ca" << "\"\n";
}

Proxy::~Proxy() {
  if (daemon_) daemon_->terminate(std::chrono::seconds(10));
  for (const int pid : haproxy_pids()) ::kill(pid, SIGKILL);
  if (mounted_) run({"umount", "--lazy", dir_ / "state"});
  if (testing::Test::HasFailure()) {
    std::stringstream log;
    log << std::ifstream(dir_ / "log").rdbuf();
    std::cerr << "mc-proxy's log:\n" << log.str();
  }
}

void Proxy::start() {
  std::vector<std::string> argv{kBin + "mc-proxy", "--config", dir_ / "mc-proxy.toml"};
  if (own_resolver_)
    argv.insert(argv.begin(), {"unshare", "--mount", "sh", "-c",
                               "mount --bind \"$0/hosts\" /etc/hosts && "
                               "mount --bind \"$0/resolv.conf\" /etc/resolv.conf && exec \"$@\"",
                               dir_ / ""});
  if (nobody_) {
    // Folders of the build may be closed to it.
    argv.front() = dir_ / "mc-proxy";
    if (!std::filesystem::exists(argv.front()))
      std::filesystem::copy(kBin + "mc-proxy", argv.front());
    ASSERT_EQ(run({"chown", "-R", "nobody", dir_ / ""}).code, 0);
    argv.insert(argv.begin(),
                {"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                 "--bounding-set=-all,+net_bind_service", "--inh-caps=-all,+net_bind_service",
                 "--ambient-caps=-all,+net_bind_service", "--no-new-privs"});
  }
  auto child = base::Child::spawn({argv}, {.output_file = dir_ / "log"});
  ASSERT_TRUE(child) << child.error().text();
  daemon_ = std::move(*child);
  wait("the API answers", [this] { return call("GET", "/v1/status").status == 200; });
}

void Proxy::name_hosts(const std::string& hosts) {
  std::ofstream(dir_ / "hosts") << hosts;  // in place: it may be mounted
}

void Proxy::kill_daemon(int signal) {
  ::kill(daemon_->pid(), signal);
  daemon_->wait(kPatience);
  daemon_.reset();
}

std::vector<int> Proxy::haproxy_pids() const {
  std::istringstream words(run({"pgrep", "-f", dir_ / "state/haproxy/haproxy.cfg"}).out);
  std::vector<int> pids;
  for (int pid = 0; words >> pid;) pids.push_back(pid);
  return pids;
}

base::HttpResponse Proxy::call(const std::string& method, const std::string& target,
                               const nlohmann::json& body) {
  base::HttpClient client(base::HttpAddress::unix_socket(dir_ / "api.sock"));
  auto answer = client.request({.method = method,
                                .target = target,
                                .body = body.is_null() ? "" : body.dump(),
                                .deadline = kPatience});
  return answer ? *answer : base::HttpResponse{0, {}, answer.error().text()};
}

int Proxy::put(const std::string& host, nlohmann::json body, const std::string& owner) {
  body["owner"] = owner;
  const auto answer = call("PUT", "/v1/routes/" + listener() + "/" + host, body);
  if (answer.status != 204) std::cerr << answer.body << "\n";
  return answer.status;
}

int Proxy::l7(const std::string& host, const Backend& backend) {
  return put(host, {{"mode", "l7"}, {"backend", backend.address()}});
}

int Proxy::l4(const std::string& host, const Backend& backend) {
  return put(host, {{"mode", "l4"}, {"backend", backend.address()}});
}

nlohmann::json Proxy::status() {
  return nlohmann::json::parse(call("GET", "/v1/status").body, nullptr, false);
}

nlohmann::json Proxy::route(const std::string& host) {
  const auto document = nlohmann::json::parse(call("GET", "/v1/routes").body);
  for (const auto& route : document["routes"])
    if (route["hostname"] == host) return route;
  return nullptr;
}

Output Proxy::curl(const std::string& host, std::vector<std::string> flags,
                   const std::string& path) {
  const std::string port = std::to_string(port_);
  std::vector<std::string> argv{
      "curl",
      "-sS",
      "--max-time",
      "20",
      "--cacert",
      ca(),
      "--resolve",
      host + ":" + port + ":" + (address_.empty() ? "127.0.0.1" : address_),
      "https://" + host + ":" + port + path};
  argv.insert(argv.end(), flags.begin(), flags.end());
  return run(argv);
}

std::string Proxy::handshake(const std::vector<std::string>& flags) {
  std::vector<std::string> argv{"openssl", "s_client", "-nameopt",
                                "RFC2253", "-connect", listener()};
  argv.insert(argv.end(), flags.begin(), flags.end());
  const Output done = run(argv);
  return done.out + done.err;
}

void Proxy::wait(const std::string& what, const std::function<bool()>& done) {
  EXPECT_TRUE(eventually(done)) << "never came: " << what;
}

}  // namespace test
