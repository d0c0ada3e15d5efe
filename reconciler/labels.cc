#include "reconciler/labels.h"

#include <charconv>
#include <system_error>

#include "base/core/text.h"

namespace reconciler {
namespace {

std::string leases_text(const std::map<std::string, uint16_t>& leases) {
  std::vector<std::string> parts;
  for (const auto& [route, port] : leases) parts.push_back(route + "=" + std::to_string(port));
  return base::join(parts, ",");
}

std::optional<std::map<std::string, uint16_t>> parse_leases(const std::string& text) {
  std::map<std::string, uint16_t> leases;
  if (text.empty()) return leases;
  for (const std::string& part : base::split(text, ',')) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos) return std::nullopt;
    uint16_t port = 0;
    const char* end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data() + equals + 1, end, port);
    if (stop != end || error != std::errc() || port == 0) return std::nullopt;
    leases[part.substr(0, equals)] = port;
  }
  return leases;
}

}  // namespace

crds::Labels to_labels(const Owner& owner) {
  return {{kServiceLabel, owner.key.service.str()},
          {kComponentLabel, owner.key.component.str()},
          {kSpecHashLabel, owner.spec_hash},
          {kRevisionLabel, owner.revision.str()},
          {kNodeLabel, owner.node.str()},
          {kSlotLabel, owner.slot == Slot::kFirst ? "1" : "2"},
          {kLeasesLabel, leases_text(owner.leases)}};
}

std::optional<Owner> owner_of(const crds::Labels& labels) {
  const auto value = [&](const char* label) -> const std::string* {
    const auto found = labels.find(label);
    return found == labels.end() ? nullptr : &found->second;
  };
  const std::string* service = value(kServiceLabel);
  const std::string* component = value(kComponentLabel);
  const std::string* hash = value(kSpecHashLabel);
  const std::string* revision = value(kRevisionLabel);
  const std::string* node = value(kNodeLabel);
  const std::string* slot = value(kSlotLabel);
  const std::string* leases = value(kLeasesLabel);
  if (!service || !component || !hash || !revision || !node || !slot || !leases)
    return std::nullopt;
  const auto ports = parse_leases(*leases);
  if (!ports || (*slot != "1" && *slot != "2")) return std::nullopt;
  return Owner{{ServiceName(*service), ComponentName(*component)},
               NodeName(*node),
               *hash,
               Revision(*revision),
               *slot == "1" ? Slot::kFirst : Slot::kSecond,
               *ports};
}

bool same_make(const Owner& a, const Owner& b) {
  Owner wanted = b;
  wanted.revision = a.revision;
  return a == wanted;
}

}  // namespace reconciler
