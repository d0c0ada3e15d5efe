#include <charconv>
#include <fstream>
#include <sstream>

#include "agent/probe/probe.h"

namespace agent {
namespace {

constexpr char kListen[] = "0A";  // TCP_LISTEN, include/net/tcp_states.h

// "  0: 0100007F:1F90 00000000:0000 0A ...": number, local, remote, state.
void add_listening(std::istream& table, std::set<uint16_t>& ports) {
  std::string line;
  std::getline(table, line);  // the heading
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    if (!(words >> number >> local >> remote >> state) || state != kListen) continue;
    const size_t colon = local.rfind(':');
    uint16_t port = 0;
    if (colon == std::string::npos) continue;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), port, 16);
    if (port) ports.insert(port);
  }
}

}  // namespace

std::set<uint16_t> ProcHostPorts::listening() {
  std::set<uint16_t> ports;
  for (const char* name : {"/tcp", "/tcp6"}) {
    std::ifstream table(folder_ + name);
    add_listening(table, ports);
  }
  return ports;
}

}  // namespace agent
