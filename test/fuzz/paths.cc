#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/files/files.h"

// Paths of mcp push and pull: whatever they say, nothing outside of the service's folder is written
// or read. The folder has links that lead out, relative and absolute.
namespace {

struct World {
  std::string root = [] {
    char name[] = "/tmp/mcp-fuzz-XXXXXX";
    return std::string(::mkdtemp(name));
  }();
  agent::DataFiles files{root + "/srv", 1000};
  int outside = -1;

  World() {
    for (const char* folder : {"/srv", "/srv/web", "/srv/web/a", "/outside"})
      ::mkdir((root + folder).c_str(), 0755);
    (void)!::symlink("../../outside", (root + "/srv/web/up").c_str());
    (void)!::symlink((root + "/outside").c_str(), (root + "/srv/web/abs").c_str());
    (void)!::symlink("a", (root + "/srv/web/in").c_str());
    outside = ::open((root + "/outside/secret").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    (void)!::write(outside, "secret", 6);
  }
  ~World() { (void)!std::system(("rm -rf " + root).c_str()); }

  // Entries of a folder, as its links and its time tell.
  timespec changed() const {
    struct stat info{};
    ::stat((root + "/outside").c_str(), &info);
    return info.st_mtim;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  static const timespec before = world.changed();
  const std::string path(reinterpret_cast<const char*>(data), size);
  (void)world.files.put("web", path, {.size = 4}, [](const auto& sink) { return sink("mine"); });
  if (auto file = world.files.get("web", path)) {
    const auto text = (*file)->read(100);
    if (text && *text == "secret") __builtin_trap();
  }
  const timespec after = world.changed();
  char secret[8] = {};
  if (::pread(world.outside, secret, 7, 0) != 6 || std::string(secret) != "secret" ||
      after.tv_sec != before.tv_sec || after.tv_nsec != before.tv_nsec)
    __builtin_trap();
  return 0;
}
