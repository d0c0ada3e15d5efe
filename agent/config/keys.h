#pragma once

#include <span>
#include <string_view>

#include "agent/config/config.h"
#include "crds/codec/value.h"

namespace agent {

enum class Shape { kText, kDuration, kCount, kFlag, kTexts, kTable, kTables };
std::string_view wanted(Shape shape);  // "a string", "a duration such as \"30s\""

// One key that a configuration may hold.
struct Key {
  std::string_view section;  // "source", "source.verify"
  std::string_view name;
  Shape shape = Shape::kText;
  // Takes the value, which has the shape; the error says what is wrong with it.
  base::Result<> (*set)(Config& config, const crds::Value& value) = nullptr;
};

std::span<const Key> config_keys();

}  // namespace agent
