#include "test/support/podman_fixture.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace test {
namespace {

namespace fs = std::filesystem;
using base::Millis;
using base::Result;

constexpr char kPrefix[] = "mcp-podman-";  // mcp-podman-<pid>-XXXXXX
constexpr Millis kStart{60000};
constexpr Millis kCommand{120000};
constexpr Millis kLook{20};

std::string script() {
  return MCP_SOURCE_DIR "/test/support/podman_env.sh";
}

bool answers(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return connected;
}

void clean(const std::string& folder) {
  const auto done = base::run_command({.argv = {script(), "clean", folder}}, "", kCommand);
  if (!done || !done->ok()) ::fprintf(stderr, "cannot clean %s\n", folder.c_str());
}

// Folders of this user's test processes that are gone.
void sweep() {
  for (const auto& entry : fs::directory_iterator(fs::temp_directory_path())) {
    const std::string name = entry.path().filename();
    struct stat info{};
    if (!name.starts_with(kPrefix) || ::lstat(entry.path().c_str(), &info) != 0) continue;
    const pid_t owner = std::atoi(name.c_str() + sizeof(kPrefix) - 1);
    const bool ours = ::geteuid() == 0 || info.st_uid == ::geteuid();
    if (ours && owner > 0 && ::kill(owner, 0) != 0) clean(entry.path());
  }
}

std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::string last;
  while (std::getline(file, line)) last = line;
  return last;
}

}  // namespace

Result<std::unique_ptr<PodmanFixture>> PodmanFixture::make(bool rootless) {
  sweep();
  if (!rootless && ::geteuid() != 0) return base::unavailable("not root");
  std::string folder =
      fs::temp_directory_path() / (kPrefix + std::to_string(::getpid()) + "-XXXXXX");
  if (!::mkdtemp(folder.data())) return base::unavailable("cannot make " + folder);
  ::chmod(folder.c_str(), 0755);
  std::unique_ptr<PodmanFixture> made(new PodmanFixture(folder, rootless));
  MCP_CHECK(made->start_service());
  return made;
}

PodmanFixture::~PodmanFixture() {
  kill_service();
  clean(folder_);
}

Result<> PodmanFixture::start_service() {
  const std::string log = folder_ + "/service.log";
  MCP_TRY(service_,
          base::Child::spawn({.argv = {script(), rootless_ ? "serve-rootless" : "serve", folder_}},
                             {.output_file = log}));
  for (Millis waited{0}; waited < kStart; waited += kLook) {
    if (answers(socket())) return {};
    if (service_->wait(kLook)) return base::unavailable(last_line(log));
  }
  return base::make_error(base::Code::kTimeout, "podman's service does not answer");
}

pid_t PodmanFixture::service_pid() const {
  return service_->pid();
}

// The script has become the service, which leads the group; a rootless one has a second process
// in it.
void PodmanFixture::signal_service(int number) const {
  ::kill(-service_->pid(), number);
}

void PodmanFixture::kill_service() {
  if (!service_) return;
  thaw_service();
  signal_service(SIGKILL);
  service_->wait(kStart);
  service_.reset();
}

void PodmanFixture::freeze_service() {
  signal_service(SIGSTOP);
  // A stop is not immediate: an answer may still get out before it.
  siginfo_t stopped{};
  ::waitid(P_PID, static_cast<id_t>(service_->pid()), &stopped, WSTOPPED | WNOWAIT);
}

void PodmanFixture::thaw_service() {
  signal_service(SIGCONT);
}

Result<base::Finished> PodmanFixture::podman(std::vector<std::string> arguments) const {
  std::vector<std::string> argv = {script(), "run", folder_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return base::run_command({.argv = argv}, "", kCommand);
}

}  // namespace test
