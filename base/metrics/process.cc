#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/metrics/exposition.h"

namespace base::metrics {
namespace {

// Fields of /proc/self/stat, counted from the third one (proc(5)): the second may hold spaces.
struct Stat {
  double cpu_seconds = 0;
  int64_t threads = 0;
  double started = 0;  // seconds after the boot
  int64_t virtual_bytes = 0;
  int64_t resident_bytes = 0;
};

std::optional<Stat> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(end + 1));
  std::string state;
  int64_t value[21] = {};  // up to the resident pages
  fields >> state;
  for (int64_t& one : value) fields >> one;
  if (!fields) return std::nullopt;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return Stat{static_cast<double>(value[10] + value[11]) / ticks, value[16],
              static_cast<double>(value[18]) / ticks, value[19],
              value[20] * ::sysconf(_SC_PAGESIZE)};
}

// Seconds since 1970; 0: not known.
int64_t boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  int64_t at = 0;
  while (file >> word)
    if (word == "btime" && file >> at) return at;
  return 0;
}

int64_t open_files() {
  std::error_code failed;
  int64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", failed), end; !failed && it != end;
       it.increment(failed))
    ++count;
  return count > 0 ? count - 1 : 0;  // without the one that reads the folder
}

}  // namespace

void add_process(Exposition& out) {
  const auto stat = read_stat();
  if (!stat) return;
  out.counter("process_cpu_seconds_total", "User and system time of this process in seconds.");
  out.sample({}, stat->cpu_seconds);
  out.gauge("process_resident_memory_bytes", "Resident memory in bytes.", stat->resident_bytes);
  out.gauge("process_virtual_memory_bytes", "Virtual memory in bytes.", stat->virtual_bytes);
  out.gauge("process_threads", "Threads of this process.", stat->threads);
  out.gauge("process_open_fds", "Open file descriptors.", open_files());
  struct rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    out.gauge("process_max_fds", "File descriptors that may be open at most.",
              static_cast<int64_t>(limit.rlim_cur));
  if (const int64_t boot = boot_time(); boot > 0)
    out.gauge("process_start_time_seconds", "Start of this process, in seconds since 1970.",
              static_cast<double>(boot) + stat->started);
}

}  // namespace base::metrics
