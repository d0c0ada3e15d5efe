#include "controller/fleet/ssh.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <list>
#include <mutex>
#include <thread>

#include "base/core/text.h"
#include "base/process/process.h"

namespace controller {
namespace fs = std::filesystem;
namespace {

constexpr base::Millis kLastWords{1000};

// A folder of this user's alone, short enough for the paths of sockets.
base::Result<fs::path> private_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const fs::path folder = runtime != nullptr && *runtime != 0
                              ? fs::path(runtime) / "mcp-ssh"
                              : fs::path("/tmp") / ("mcp-ssh-" + std::to_string(::geteuid()));
  struct stat info{};
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return base::make_error(base::Code::kDenied,
                            "cannot make " + folder.string() + ": " + std::strerror(errno),
                            "set XDG_RUNTIME_DIR to a folder of yours");
  if (::lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() ||
      (info.st_mode & 077) != 0)
    return base::make_error(base::Code::kDenied,
                            folder.string() + " is not a folder of this user's alone",
                            "remove it, or set XDG_RUNTIME_DIR to a folder of yours");
  return folder;
}

base::Command ssh_command(const AgentAddress& address, const fs::path& folder) {
  base::Command command{{"ssh", "-T", "-o", "ControlMaster=auto", "-o",
                         "ControlPath=" + (folder / "%C").string(), "-o", "ControlPersist=30"}};
  if (address.port != 0) {
    command.argv.push_back("-p");
    command.argv.push_back(std::to_string(address.port));
  }
  const std::string user = address.user.empty() ? "" : address.user + "@";
  for (std::string word : {std::string("--"), user + address.host, std::string("mcp-agent stdio")})
    command.argv.push_back(std::move(word));
  if (!address.socket.empty()) command.argv.back() += " --socket " + address.socket;
  return command;
}

}  // namespace

struct SshTunnel::Impl {
  base::Command command;
  fs::path socket;
  fs::path said;  // what every ssh of this tunnel writes to
  int listening = -1;
  int stop = -1;
  std::thread thread;
  std::mutex mutex;
  std::list<base::Child> children;

  base::Result<> listen() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = socket.string();
    if (path.size() >= sizeof(name.sun_path))
      return base::invalid(path + " is too long for a socket",
                           "set XDG_RUNTIME_DIR to a short one");
    path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    stop = ::eventfd(0, EFD_CLOEXEC);
    ::unlink(path.c_str());
    if (listening < 0 || stop < 0 ||
        ::bind(listening, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0 ||
        ::listen(listening, 16) != 0)
      return base::unavailable("cannot listen on " + path + ": " + std::strerror(errno));
    thread = std::thread([this] { serve(); });
    return {};
  }

  void serve() {
    while (true) {
      pollfd waits[] = {{listening, POLLIN, 0}, {stop, POLLIN, 0}};
      if (::poll(waits, 2, -1) < 0 && errno != EINTR) return;
      if (waits[1].revents != 0) return;
      if (waits[0].revents == 0) continue;
      const int connection = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      auto child = base::Child::spawn(
          command, {.output_file = said.string(), .socket = connection, .may_ask = true});
      if (!child) std::ofstream(said, std::ios::app) << child.error().text() << "\n";
      // ssh has the connection now: the end of ssh is the end of it.
      ::close(connection);
      const std::lock_guard lock(mutex);
      children.remove_if([](base::Child& one) { return one.wait(base::Millis(0)).has_value(); });
      if (child) children.push_back(std::move(*child));
    }
  }

  ~Impl() {
    if (thread.joinable()) {
      const uint64_t one = 1;
      [[maybe_unused]] const ssize_t told = ::write(stop, &one, sizeof(one));
      thread.join();
    }
    children.clear();
    for (const int fd : {listening, stop})
      if (fd >= 0) ::close(fd);
    std::error_code ignored;
    fs::remove(socket, ignored);
    fs::remove(said, ignored);
  }
};

SshTunnel::SshTunnel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SshTunnel::~SshTunnel() = default;

base::Result<std::unique_ptr<SshTunnel>> SshTunnel::open(const AgentAddress& address) {
  static std::atomic<int> count = 0;
  MCP_TRY(const fs::path folder, private_folder());
  auto impl = std::make_unique<Impl>();
  impl->command = ssh_command(address, folder);
  const std::string name = std::to_string(::getpid()) + "-" + std::to_string(++count);
  impl->socket = folder / name;
  impl->said = folder / (name + ".err");
  MCP_CHECK(impl->listen());
  return std::unique_ptr<SshTunnel>(new SshTunnel(std::move(impl)));
}

const std::string& SshTunnel::socket() const {
  return impl_->socket.native();
}

std::string SshTunnel::by_hand() const {
  const auto& words = impl_->command.argv;
  const auto port = std::find(words.begin(), words.end(), "-p");
  return "ssh " + (port == words.end() ? "" : "-p " + *std::next(port) + " ") +
         words[words.size() - 2] + " mcp-agent --version";
}

std::string SshTunnel::complaint() const {
  {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->children.empty()) impl_->children.back().wait(kLastWords);
  }
  std::ifstream in(impl_->said);
  std::string last;
  for (std::string line; std::getline(in, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace controller
