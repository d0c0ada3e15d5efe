#include "mc-proxy/engine/runtime.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/core/text.h"

namespace mc_proxy {
namespace {

using base::Result;

constexpr timeval kPatience{10, 0};

struct Socket {
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
};

base::Error silent_peer(const std::string& path) {
  return base::unavailable("HAProxy does not answer on " + path + ": " + std::strerror(errno));
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::string& line : base::split(text, '\n'))
    if (!line.empty() && line[0] != '#') lines.push_back(std::move(line));
  return lines;
}

int64_t number(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

int64_t number_after(const std::string& line, const std::string& key) {
  const size_t at = line.find(" " + key + "=");
  return at == std::string::npos ? 0 : number(std::string_view(line).substr(at + key.size() + 2));
}

}  // namespace

Result<std::string> ask(const std::string& path, const std::string& command) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return base::invalid("the path " + path + " is longer than 107 bytes",
                         "put the database in a folder with a shorter path");
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const Socket socket;
  ::setsockopt(socket.fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(socket.fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (::connect(socket.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return silent_peer(path);
  const std::string text = command + "\n";
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t n = ::send(socket.fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return silent_peer(path);
    sent += static_cast<size_t>(n);
  }
  ::shutdown(socket.fd, SHUT_WR);  // without it the master's socket never ends its answer
  std::string answer;
  char piece[16384];
  while (true) {
    const ssize_t n = ::recv(socket.fd, piece, sizeof piece, 0);
    if (n == 0) return answer;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return silent_peer(path);
    answer.append(piece, static_cast<size_t>(n));
  }
}

Result<std::string> Runtime::worker(const std::string& command) const {
  return ask(files_.worker_socket(), command);
}

Result<> Runtime::expect(const std::string& command, std::string_view sign,
                         const std::string& what) const {
  MCP_TRY(const std::string answer, worker(command));
  if (answer.find(sign) != std::string::npos) return {};
  return base::make_error(base::Code::kInternal, "HAProxy cannot " + what + ": " + trimmed(answer));
}

Result<> Runtime::silent(const std::string& command, const std::string& what) const {
  MCP_TRY(const std::string answer, worker(command));
  if (trimmed(answer).empty()) return {};
  return base::make_error(base::Code::kInternal, "HAProxy cannot " + what + ": " + trimmed(answer));
}

Result<std::string> Runtime::description() const {
  MCP_TRY(const std::string info, worker("show info"));
  for (const std::string& line : lines_of(info))
    if (line.starts_with("description: ")) return trimmed(line.substr(13));
  return std::string();
}

Result<EngineRoutes> Runtime::read(const std::string& listener) const {
  EngineRoutes routes;
  MCP_TRY(const std::string map, worker("show map " + files_.map(listener)));
  for (const std::string& line : lines_of(map)) {
    const auto words = base::split(line, ' ');  // address, key, value
    if (words.size() == 3) routes[words[1]].value = words[2];
  }
  MCP_TRY(const std::string list, worker("show ssl crt-list " + files_.list(listener)));
  for (const std::string& line : lines_of(list)) {
    const auto words = base::split(line, ' ');  // file, host name
    if (words.size() == 2) routes[words[1]].certificate = words[0];
  }
  return routes;
}

Result<> Runtime::add_certificate(const std::string& file, const std::string& pem) const {
  MCP_TRY(const std::string made, worker("new ssl cert " + file));
  if (made.find("New empty") == std::string::npos &&
      made.find("already exists") == std::string::npos)
    return base::make_error(base::Code::kInternal,
                            "HAProxy cannot take " + file + ": " + trimmed(made));
  // The blank line after it ends the payload.
  MCP_CHECK(expect("set ssl cert " + file + " <<\n" + pem, "Transaction", "read " + file));
  return expect("commit ssl cert " + file, "Success!", "take " + file);
}

Result<> Runtime::drop_certificate(const std::string& file) const {
  MCP_TRY(const std::string answer, worker("del ssl cert " + file));
  static_cast<void>(answer);
  return {};
}

Result<> Runtime::show_for(const std::string& listener, const std::string& hostname,
                           const std::string& file) const {
  return expect(
      "add ssl crt-list " + files_.list(listener) + " <<\n" + file + " " + hostname + "\n",
      "Success!", "show " + file);
}

Result<> Runtime::hide(const std::string& listener, const std::string& file) const {
  return expect("del ssl crt-list " + files_.list(listener) + " " + file, "deleted",
                "stop showing " + file);
}

Result<> Runtime::set(const std::string& listener, const std::string& hostname,
                      const std::string& value, bool is_new) const {
  return silent(
      (is_new ? "add map " : "set map ") + files_.map(listener) + " " + hostname + " " + value,
      "set the route " + hostname);
}

Result<> Runtime::erase(const std::string& listener, const std::string& hostname) const {
  return silent("del map " + files_.map(listener) + " " + hostname, "remove the route " + hostname);
}

Result<> Runtime::fill(const std::string& map, const std::string& version,
                       const EngineRoutes& routes) const {
  const std::string command = "add map @" + version + " " + map + " <<\n";
  std::string lines;
  for (auto at = routes.begin(); at != routes.end();) {
    lines += at->first + " " + at->second.value + "\n";
    if (++at == routes.end() || lines.size() > kMaxPayload) {
      MCP_CHECK(silent(command + lines, "fill " + map));
      lines.clear();
    }
  }
  // An entry that got lost on the way would be a route that is lost at the commit.
  MCP_TRY(const std::string shown, worker("show map @" + version + " " + map));
  const size_t there = lines_of(shown).size();
  if (there == routes.size()) return {};
  return base::make_error(base::Code::kInternal, "HAProxy took " + std::to_string(there) + " of " +
                                                     std::to_string(routes.size()) +
                                                     " routes for " + map);
}

Result<> Runtime::replace(const std::string& listener, const EngineRoutes& routes) const {
  const std::string map = files_.map(listener);
  MCP_TRY(const std::string answer, worker("prepare map " + map));
  constexpr std::string_view kSign = "New version created: ";
  const size_t at = answer.find(kSign);
  if (at == std::string::npos)
    return base::make_error(base::Code::kInternal,
                            "HAProxy cannot prepare " + map + ": " + trimmed(answer));
  const std::string version = trimmed(answer.substr(at + kSign.size()));
  if (const auto filled = fill(map, version, routes); !filled) {
    static_cast<void>(worker("clear map @" + version + " " + map));
    return filled.error();
  }
  return silent("commit map @" + version + " " + map, "commit " + map);
}

void Runtime::set_former(int pid, const std::string& listener, const std::string& hostname,
                         const std::string& value) const {
  const auto tell = [&](const std::string& verb) {
    return ask(files_.master_socket(), "@!" + std::to_string(pid) + " " + verb + " map " +
                                           files_.map(listener) + " " + hostname + " " + value);
  };
  const auto told = tell(value.empty() ? "del" : "set");
  if (told && !value.empty() && !trimmed(*told).empty())
    static_cast<void>(tell("add"));  // it had none
}

Result<std::map<std::string, RouteCount>> Runtime::counts(const std::string& listener) const {
  // Without Lua the second is unknown, and its answer no line that is looked for.
  MCP_TRY(const std::string table, worker("show table " + table_name(listener) + "; show holds"));
  const std::string map = files_.map(listener);
  std::map<std::string, RouteCount> counts;
  for (const std::string& line : lines_of(table)) {
    if (const auto words = base::split(line, ' '); words.size() == 6 && words[0] == map) {
      RouteCount& count = counts[words[1] + "/held"];
      count.waiting = number(words[2]);
      count.held = number(words[3]);
      count.requests = number(words[4]);
      count.failed = number(words[5]);
      continue;
    }
    const size_t key = line.find(" key=");
    const size_t end = line.find(" use=");
    if (key == std::string::npos || end == std::string::npos) continue;
    const std::string name = line.substr(key + 5, end - key - 5);
    RouteCount& count = counts[name];
    const bool passthrough = name.find("/l4") != std::string::npos;
    count.open = number_after(line, "conn_cur");
    count.requests = number_after(line, passthrough ? "conn_cnt" : "http_req_cnt");
    count.failed = number_after(line, "http_fail_cnt");
  }
  return counts;
}

}  // namespace mc_proxy
