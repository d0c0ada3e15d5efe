#include "crds/fields.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/core/text.h"
#include "base/core/time.h"

namespace crds {
namespace {

constexpr std::string_view kUnits = "bkmgt";

// The digits of a string that its pattern has checked; as large as it gets where they overflow.
uint64_t digits(std::string_view text) {
  uint64_t out = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
  return result.ec == std::errc() ? out : std::numeric_limits<uint64_t>::max();
}

bool is_address(const std::string& ip) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(AF_INET, ip.c_str(), buffer) == 1 ||
         inet_pton(AF_INET6, ip.c_str(), buffer) == 1;
}

bool climbs(const std::string& path) {
  const auto parts = base::split(path, '/');
  return std::find(parts.begin(), parts.end(), "..") != parts.end();
}

}  // namespace

void read(const Value& table, std::string_view key, std::string& out) {
  if (const Value* value = table.find(key)) out = value->text;
}

void read(const Value& table, std::string_view key, bool& out) {
  if (const Value* value = table.find(key)) out = value->boolean;
}

void read(const Value& table, std::string_view key, int& out) {
  if (const Value* value = table.find(key)) out = static_cast<int>(value->integer);
}

void read(const Value& table, std::string_view key, uint16_t& out) {
  if (const Value* value = table.find(key)) out = static_cast<uint16_t>(value->integer);
}

void read(const Value& table, std::string_view key, double& out) {
  if (const Value* value = table.find(key))
    out =
        value->type == Value::Type::kInteger ? static_cast<double>(value->integer) : value->number;
}

void read(const Value& table, std::string_view key, base::Millis& out) {
  if (const Value* value = table.find(key))
    if (const auto duration = base::parse_duration(value->text)) out = *duration;
}

void read(const Value& table, std::string_view key, std::map<std::string, std::string>& out) {
  if (const Value* value = table.find(key))
    for (const Member& member : value->members) out[member.key] = member.value.text;
}

void read(const Value& table, std::string_view key, std::vector<std::string>& out) {
  if (const Value* value = table.find(key))
    for (const Value& item : value->items) out.push_back(item.text);
}

Restart parse_restart(const std::string& text) {
  using Policy = Restart::Policy;
  if (text == "no") return {Policy::kNo, {}};
  if (text == "always") return {Policy::kAlways, {}};
  if (text == "unless-stopped") return {Policy::kUnlessStopped, {}};
  Restart restart{Policy::kOnFailure, {}};
  if (const size_t colon = text.find(':'); colon != std::string::npos)
    restart.max_retries = static_cast<int>(digits(std::string_view(text).substr(colon + 1)));
  return restart;
}

std::string to_text(const Restart& restart) {
  switch (restart.policy) {
    case Restart::Policy::kNo:
      return "no";
    case Restart::Policy::kAlways:
      return "always";
    case Restart::Policy::kUnlessStopped:
      return "unless-stopped";
    case Restart::Policy::kOnFailure:
      return restart.max_retries ? "on-failure:" + std::to_string(*restart.max_retries)
                                 : "on-failure";
  }
  return "no";
}

base::Result<PortMapping> parse_port(const std::string& text) {
  PortMapping out;
  std::string rest = text;
  if (const size_t slash = rest.find('/'); slash != std::string::npos) {
    out.protocol = rest.substr(slash + 1);
    rest.resize(slash);
  }
  const auto port = [&](const std::string& number, bool may_be_absent) -> base::Result<uint16_t> {
    if (number.empty() && may_be_absent) return uint16_t{0};
    const uint64_t value = digits(number);
    if (value == 0 || value > 65535)
      return base::invalid("the port " + number + " is not one of 1 to 65535");
    return static_cast<uint16_t>(value);
  };
  const size_t container = rest.rfind(':');
  if (container == std::string::npos) {
    MCP_TRY(out.container_port, port(rest, false));
    return out;
  }
  MCP_TRY(out.container_port, port(rest.substr(container + 1), false));
  rest.resize(container);
  const size_t host = rest.ends_with(']') ? std::string::npos : rest.rfind(':');
  MCP_TRY(out.host_port, port(host == std::string::npos ? rest : rest.substr(host + 1),
                              host != std::string::npos));
  if (host == std::string::npos) return out;
  out.host_ip = rest.substr(0, host);
  if (out.host_ip.starts_with('[')) out.host_ip = out.host_ip.substr(1, out.host_ip.size() - 2);
  if (!is_address(out.host_ip)) return base::invalid("'" + out.host_ip + "' is not an IP address");
  return out;
}

std::string to_text(const PortMapping& port) {
  std::string out;
  if (!port.host_ip.empty())
    out = (port.host_ip.find(':') == std::string::npos ? port.host_ip : "[" + port.host_ip + "]") +
          ":";
  if (port.host_port != 0) out += std::to_string(port.host_port);
  if (port.host_port != 0 || !port.host_ip.empty()) out += ":";
  out += std::to_string(port.container_port);
  return port.protocol == "tcp" ? out : out + "/" + port.protocol;
}

base::Result<Volume> parse_volume(const std::string& text) {
  const auto parts = base::split(text, ':');
  Volume out{parts[0], parts[1], {}};
  if (parts.size() > 2) out.options = base::split(parts[2], ',');
  for (const std::string& path : {out.source, out.target})
    if (climbs(path))
      return base::invalid("the path " + path + " has '..' in it", "write the path that is meant");
  return out;
}

std::string to_text(const Volume& volume) {
  std::string out = volume.source + ":" + volume.target;
  return volume.options.empty() ? out : out + ":" + base::join(volume.options, ",");
}

base::Result<Device> parse_device(const std::string& text) {
  const auto parts = base::split(text, ':');
  Device out{parts[0], parts[0]};
  for (size_t i = 1; i < parts.size(); ++i)
    (parts[i].starts_with('/') ? out.target : out.permissions) = parts[i];
  for (const std::string& path : {out.source, out.target})
    if (climbs(path))
      return base::invalid("the path " + path + " has '..' in it", "write the path that is meant");
  return out;
}

std::string to_text(const Device& device) {
  const Device plain;
  return device.source + (device.target == device.source ? "" : ":" + device.target) +
         (device.permissions == plain.permissions ? "" : ":" + device.permissions);
}

std::string capability(const std::string& text) {
  std::string out;
  for (const char c : text) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out.starts_with("CAP_") ? out.substr(4) : out;
}

base::Result<uint64_t> parse_memory(const std::string& text) {
  const size_t unit = text.find_first_not_of("0123456789");
  const uint64_t count = digits(std::string_view(text).substr(0, unit));
  const char letter = unit == std::string::npos ? 'b' : static_cast<char>(text[unit] | 0x20);
  const size_t shift = 10 * kUnits.find(letter);
  if (count > (static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) >> shift))
    return base::invalid("'" + text + "' is more memory than can be counted");
  return count << shift;
}

std::string memory_text(uint64_t bytes) {
  constexpr const char* kNames[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; unit + 1 < std::size(kNames) && bytes % 1024 == 0 && bytes != 0; ++unit) bytes /= 1024;
  return std::to_string(bytes) + kNames[unit];
}

}  // namespace crds
