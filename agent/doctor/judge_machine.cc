#include <algorithm>

#include "agent/doctor/facts.h"
#include "base/core/text.h"

namespace agent::doctor {
namespace {

using Level = Finding::Level;

// Those at which alerts are told where nothing else is configured.
constexpr int kFewPercent = 10;
constexpr int kNextToNothingPercent = 5;
constexpr std::chrono::days kSoon{14};  // to renew a certificate in
constexpr uint64_t kMebi = uint64_t{1} << 20;

std::string octal(mode_t mode) {
  std::string out;
  for (int shift = 9; shift >= 0; shift -= 3) out += static_cast<char>('0' + ((mode >> shift) & 7));
  return out;
}

std::string why_left_over(const Helper& helper, const Helpers& all) {
  if (!helper.container.empty())
    return all.containers.contains(helper.container)
               ? ""
               : "of container " + helper.container.substr(0, 12) + ", which is gone";
  if (helper.netns_is_gone) return "for a network namespace that is gone";
  for (const uint16_t port : helper.ports)
    if (!all.published.contains(port))
      return "which holds port " + std::to_string(port) + " for no container that runs";
  return "";
}

// The percentage that is left; 100 where nothing is counted.
int percent(uint64_t free, uint64_t all) {
  return all == 0 ? 100
                  : static_cast<int>(static_cast<double>(free) * 100.0 / static_cast<double>(all));
}

}  // namespace

std::vector<Finding> judge_helpers(const Helpers& helpers) {
  std::vector<Finding> out;
  for (const Helper& one : helpers.helpers)
    if (const std::string why = why_left_over(one, helpers); !why.empty())
      out.push_back(
          {Level::kWarning, "forwarders",
           one.program + " (process " + std::to_string(one.pid) + ") is left over, " + why,
           "unless another podman of this user has it: kill " + std::to_string(one.pid)});
  if (out.empty())
    out.push_back({Level::kOk, "forwarders",
                   std::to_string(helpers.helpers.size()) +
                       " processes serve containers, and none is left over"});
  return out;
}

std::vector<Finding> judge_auth_file(const AuthFile& file) {
  if (file.path.empty())
    return {{Level::kOk, "auth_file", "none is configured: podman's own credentials count"}};
  if (!file.readable)
    return {{Level::kError, "auth_file", "cannot read " + file.path,
             "podman login --authfile " + file.path + " REGISTRY, as the agent's user"}};
  if ((file.mode & 077) != 0)
    return {{Level::kWarning, "auth_file",
             file.path + " has mode " + octal(file.mode) + ": others can read the passwords",
             "chmod 600 " + file.path}};
  return {{Level::kOk, "auth_file", file.path + " can be read, by its owner alone"}};
}

std::vector<Finding> judge_clock(const Clock& clock) {
  const std::string now = base::to_rfc3339(clock.now);
  const std::string hint = "timedatectl set-ntp true, or run chronyd";
  // A day: a program may be unpacked with the time of another zone.
  if (clock.now + std::chrono::hours(24) < clock.built)
    return {{Level::kError, "clock",
             "it says " + now +
                 ", and this program was made after that: certificates, tokens and "
                 "signatures will not be believed",
             hint}};
  if (clock.synchronised && !*clock.synchronised)
    return {
        {Level::kWarning, "clock", "nothing keeps it right (adjtimex(2): unsynchronised)", hint}};
  return {{Level::kOk, "clock", clock.synchronised ? "it is synchronised" : "it says " + now}};
}

std::vector<Finding> judge_disks(const std::vector<Disk>& disks) {
  std::vector<Finding> out;
  for (const Disk& disk : disks) {
    const int space = percent(disk.free_bytes, disk.all_bytes);
    const int inodes = percent(disk.free_inodes, disk.all_inodes);
    const int least = std::min(space, inodes);
    const std::string where = disk.path + " (" + disk.what + ")";
    const std::string left =
        space <= inodes
            ? std::to_string(disk.free_bytes / kMebi) + " MiB, " + std::to_string(space) + " %"
            : std::to_string(disk.free_inodes) + " inodes, " + std::to_string(inodes) + " %";
    if (least >= kFewPercent) {
      out.push_back({Level::kOk, "disk", where + " has " + left + " free"});
      continue;
    }
    out.push_back({least < kNextToNothingPercent ? Level::kError : Level::kWarning, "disk",
                   where + " has only " + left + " free",
                   "podman image prune, remove what nobody needs, or a larger disk"});
  }
  return out;
}

std::vector<Finding> judge_socket(const Socket& socket) {
  if (!socket.group_known)
    return {{Level::kError, "socket",
             "[api] group names " + socket.wanted_group + ", which this machine does not have",
             "groupadd --system " + socket.wanted_group}};
  if (!socket.exists)
    return {{Level::kOk, "socket", socket.path + " is made when the agent starts"}};
  if ((socket.mode & 07) != 0)
    return {
        {Level::kError, "socket",
         socket.path + " has mode " + octal(socket.mode) + ": everybody here may operate the node",
         "chmod 660 " + socket.path + ", and restart the agent"}};
  if (!socket.wanted_group.empty() && socket.group != socket.wanted_group)
    return {{Level::kWarning, "socket",
             socket.path + " belongs to group " + socket.group + ", not to " + socket.wanted_group +
                 ": its members are refused",
             "restart the agent"}};
  return {{Level::kOk, "socket",
           socket.path + " is for group " + socket.group + " (mode " + octal(socket.mode) + ")"}};
}

namespace {

Finding judge_certificate(const Certificate& one, base::TimePoint now) {
  const auto finding = [&](Level level, const std::string& text, const std::string& hint) {
    return Finding{level, "certificate", one.file + " " + text, hint};
  };
  if (!one.error.empty())
    return finding(Level::kError, "cannot be used: " + one.error,
                   "a PEM file that the agent's user may read: the chain, the server's own first");
  if (!one.key_fits)
    return finding(Level::kError, "does not belong to the key in " + one.key_file,
                   "put the key there that it was made for");
  if (now >= one.until)
    return finding(Level::kError, "has expired at " + base::to_rfc3339(one.until), "renew it");
  if (now < one.from)
    return finding(Level::kError, "is valid from " + base::to_rfc3339(one.from) + " on",
                   "is the clock right?");
  if (one.names.empty())
    return finding(Level::kError, "names no host: no client can believe it",
                   "one with a subjectAltName of the name that nodes/*.toml has for the agent");
  if (!one.chain_complete)
    return finding(Level::kWarning,
                   "does not lead to a root that this machine knows: clients need its CA",
                   "append the intermediate certificates; of a CA of your own, give clients "
                   "[auth] ca_file");
  if (one.until - now < kSoon)
    return finding(Level::kWarning, "expires at " + base::to_rfc3339(one.until), "renew it");
  if ((one.key_mode & 07) != 0)
    return finding(Level::kError,
                   "has its key in " + one.key_file + " with mode " + octal(one.key_mode) +
                       ": everybody here can read it",
                   "chmod 600 " + one.key_file + ", and make a new key");
  return finding(
      Level::kOk,
      "is good for " + base::join(one.names, ", ") + " until " + base::to_rfc3339(one.until), "");
}

}  // namespace

std::vector<Finding> judge_certificates(const std::vector<Certificate>& certificates,
                                        base::TimePoint now) {
  std::vector<Finding> out;
  for (const Certificate& one : certificates) out.push_back(judge_certificate(one, now));
  return out;
}

std::vector<Finding> judge_routes(const std::vector<reconciler::ObservedRoute>& routes,
                                  base::TimePoint now) {
  std::vector<Finding> out;
  std::optional<base::TimePoint> first_end;
  for (const reconciler::ObservedRoute& route : routes) {
    const auto finding = [&](Level level, const std::string& text) {
      const std::string file = route.spec.certificate;
      out.push_back({level, "routes", route.spec.key.text() + " (" + route.owner + ") " + text,
                     file.empty()
                         ? "mcproxyctl list on the node shows it"
                         : "its certificate is " + file +
                               ": the chain and its key; mc-proxy reads a new one itself"});
    };
    if (!route.served)
      finding(Level::kError, "is not served: " + route.problem);
    else if (!route.problem.empty())
      finding(Level::kWarning, "is served, but " + route.problem);
    else if (route.certificate_until && *route.certificate_until - now < kSoon)
      finding(Level::kWarning,
              "has a certificate that ends at " + base::to_rfc3339(*route.certificate_until));
    if (route.certificate_until && (!first_end || *route.certificate_until < *first_end))
      first_end = route.certificate_until;
  }
  if (!out.empty()) return out;
  return {{Level::kOk, "routes",
           std::to_string(routes.size()) + " routes are served" +
               (first_end ? "; the first certificate ends at " + base::to_rfc3339(*first_end)
                          : std::string())}};
}

}  // namespace agent::doctor
