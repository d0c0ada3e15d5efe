#pragma once

#include <map>
#include <optional>
#include <string>

#include "reconciler/model.h"

// The labels on every container that we make. A container without them is not ours.
namespace reconciler {

inline constexpr char kServiceLabel[] = "net.metacircular.mcp.service";
inline constexpr char kComponentLabel[] = "net.metacircular.mcp.component";
inline constexpr char kSpecHashLabel[] = "net.metacircular.mcp.spec-hash";
inline constexpr char kRevisionLabel[] = "net.metacircular.mcp.revision";
inline constexpr char kNodeLabel[] = "net.metacircular.mcp.node";
inline constexpr char kSlotLabel[] = "net.metacircular.mcp.slot";      // 1 | 2
inline constexpr char kLeasesLabel[] = "net.metacircular.mcp.leases";  // "rest=23456,grpc=23457"

crds::Labels to_labels(const Owner& owner);

// None when a label is missing or cannot be read.
std::optional<Owner> owner_of(const crds::Labels& labels);

// Whether a container of owner `a` is what `b` asks for: the same but for the revision, which may
// be a later one that did not change the definition.
bool same_make(const Owner& a, const Owner& b);

}  // namespace reconciler
