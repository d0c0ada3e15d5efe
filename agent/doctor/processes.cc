#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/doctor/probe.h"
#include "base/core/text.h"

namespace agent::doctor {

namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

// What follows one of `flags`.
std::string value_of(const std::vector<std::string>& words,
                     std::initializer_list<const char*> flags) {
  for (size_t i = 0; i + 1 < words.size(); ++i)
    if (std::find(flags.begin(), flags.end(), words[i]) != flags.end()) return words[i + 1];
  return "";
}

// Inodes of listening sockets and their ports, as the process sees them (proc(5), /proc/net/tcp).
std::map<std::string, uint16_t> listeners(const fs::path& process) {
  std::map<std::string, uint16_t> out;
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    std::istringstream lines(content(process / table));
    std::string line;
    std::getline(lines, line);  // the header
    while (std::getline(lines, line)) {
      std::istringstream fields(line);
      std::string number, local, remote, state, skip, inode;
      fields >> number >> local >> remote >> state >> skip >> skip >> skip >> skip >> skip >> inode;
      constexpr char kListening[] = "0A";
      if (state != kListening || local.rfind(':') == std::string::npos) continue;
      out[inode] = static_cast<uint16_t>(
          std::strtoul(local.substr(local.rfind(':') + 1).c_str(), nullptr, 16));
    }
  }
  return out;
}

std::set<uint16_t> ports_of(const fs::path& process) {
  const auto known = listeners(process);
  std::set<uint16_t> out;
  std::error_code failed;
  for (fs::directory_iterator it(process / "fd", failed), end; !failed && it != end;
       it.increment(failed)) {
    std::error_code gone;
    const std::string link = fs::read_symlink(it->path(), gone).string();
    if (!link.starts_with("socket:[")) continue;
    const auto found = known.find(link.substr(8, link.size() - 9));
    if (found != known.end()) out.insert(found->second);
  }
  return out;
}

bool is_gone(const std::string& path) {
  std::error_code failed;
  return path.starts_with('/') && !fs::exists(path, failed) && !failed;
}

std::optional<Helper> helper_of(const fs::path& process, const std::string& graph_root) {
  std::string program = content(process / "comm");
  while (program.ends_with('\n')) program.pop_back();
  const std::vector<std::string> words = base::split(content(process / "cmdline"), '\0');
  Helper out{.pid = std::atoi(process.filename().c_str()), .program = program};
  if (program == "conmon") {
    const bool ours = std::any_of(words.begin(), words.end(), [&](const std::string& word) {
      return !graph_root.empty() && word.starts_with(graph_root + "/");
    });
    out.container = value_of(words, {"-c", "--cid"});
    if (!ours || out.container.empty()) return std::nullopt;
  } else if (program == "rootlessport") {
    out.ports = ports_of(process);
  } else if (program == "slirp4netns") {
    // slirp4netns [OPTION...] PID|PATH TAP
    const auto path = std::find_if(words.begin() + 1, words.end(), [](const std::string& word) {
      return word.starts_with('/') && word.find("netns") != std::string::npos;
    });
    out.netns_is_gone = path != words.end() && is_gone(*path);
  } else if (program == "pasta" || program == "pasta.avx2") {
    out.netns_is_gone = is_gone(value_of(words, {"--netns"}));
  } else {
    return std::nullopt;
  }
  return out;
}

}  // namespace

std::vector<Helper> find_helpers(const std::string& proc, uid_t uid,
                                 const std::string& graph_root) {
  std::vector<Helper> out;
  std::error_code failed;
  for (fs::directory_iterator it(proc, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename();
    struct stat info{};
    if (name.find_first_not_of("0123456789") != std::string::npos ||
        ::stat(it->path().c_str(), &info) != 0 || info.st_uid != uid)
      continue;
    // A process that ends meanwhile has no name any more, and is nobody.
    if (auto helper = helper_of(it->path(), graph_root)) out.push_back(std::move(*helper));
  }
  std::sort(out.begin(), out.end(), [](const Helper& a, const Helper& b) { return a.pid < b.pid; });
  return out;
}

}  // namespace agent::doctor
