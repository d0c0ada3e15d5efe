#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "crds/codec/value.h"
#include "crds/types/types.h"

// Reads fields of a table that its schema allows, and the small languages inside strings. A field
// that is absent leaves `out` as it is, so that defaults stand in types.h alone.
namespace crds {

void read(const Value& table, std::string_view key, std::string& out);
void read(const Value& table, std::string_view key, bool& out);
void read(const Value& table, std::string_view key, int& out);
void read(const Value& table, std::string_view key, uint16_t& out);
void read(const Value& table, std::string_view key, double& out);
void read(const Value& table, std::string_view key, base::Millis& out);
void read(const Value& table, std::string_view key, std::map<std::string, std::string>& out);
void read(const Value& table, std::string_view key, std::vector<std::string>& out);

template <class Tag>
void read(const Value& table, std::string_view key, base::Id<Tag>& out) {
  std::string text;
  read(table, key, text);
  if (!text.empty()) out = base::Id<Tag>(text);
}
template <class Tag>
void read(const Value& table, std::string_view key, std::vector<base::Id<Tag>>& out) {
  std::vector<std::string> texts;
  read(table, key, texts);
  for (std::string& text : texts) out.emplace_back(std::move(text));
}

Restart parse_restart(const std::string& text);
base::Result<PortMapping> parse_port(const std::string& text);
base::Result<Volume> parse_volume(const std::string& text);
// "/dev/dri:/dev/dri:rwm", "/dev/fuse:r", "/dev/fuse".
base::Result<Device> parse_device(const std::string& text);
// "cap_net_admin" and "NET_ADMIN" are the same.
std::string capability(const std::string& text);
base::Result<uint64_t> parse_memory(const std::string& text);

// The other way, for print.
std::string to_text(const Restart& restart);
std::string to_text(const PortMapping& port);
std::string to_text(const Volume& volume);
std::string to_text(const Device& device);
std::string memory_text(uint64_t bytes);

}  // namespace crds
