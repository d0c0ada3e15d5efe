#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace base {

// A string that is an identifier of one kind: a ServiceName cannot be passed where a NodeName is
// wanted. Declare as `using ServiceName = base::Id<struct ServiceNameTag>;`.
template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}

  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }

  friend auto operator<=>(const Id&, const Id&) = default;
  friend bool operator==(const Id&, const Id&) = default;

 private:
  std::string value_;
};

}  // namespace base

template <class Tag>
struct std::hash<base::Id<Tag>> {
  size_t operator()(const base::Id<Tag>& id) const { return std::hash<std::string>()(id.str()); }
};
