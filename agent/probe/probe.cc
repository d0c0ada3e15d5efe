#include "agent/probe/probe.h"

#include "agent/probe/tcp.h"
#include "agent/runtime/podman.h"
#include "base/http/client.h"

namespace agent {
namespace {

using base::Result;
using reconciler::Probe;

constexpr size_t kQuoted = 80;  // bytes of an answer in a message
// That are read: an answer that is larger is cut off, which its program may notice.
constexpr size_t kMostRead = 64 << 10;
constexpr int kFirstBad = 400;
constexpr int kFirstGood = 200;

std::string host_of(const Probe& probe) {
  return probe.address.empty() ? "127.0.0.1" : probe.address;
}

Result<> probe_http(const Probe& probe, const std::string& path) {
  base::HttpClient client(base::HttpAddress::tcp(host_of(probe), probe.port));
  MCP_TRY(
      const auto answer,
      client.request({.target = path, .max_body = kMostRead, .deadline = probe.health.timeout}));
  if (answer.status >= kFirstGood && answer.status < kFirstBad) return {};
  std::string message = "GET " + path + " answered " + std::to_string(answer.status);
  const std::string line = answer.body.substr(0, std::min(kQuoted, answer.body.find('\n')));
  if (!line.empty()) message += ": " + line;
  return base::unavailable(message);
}

}  // namespace

Result<> ContainerProber::probe(const Probe& probe) {
  const auto& check = probe.health.check;
  if (const auto* http = std::get_if<crds::HttpCheck>(&check)) return probe_http(probe, http->path);
  if (std::holds_alternative<crds::CmdCheck>(check))
    return podman_.healthcheck(probe.container, probe.health.timeout);
  return probe_tcp(host_of(probe), probe.port, probe.health.timeout);
}

}  // namespace agent
