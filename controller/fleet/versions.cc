#include "controller/fleet/versions.h"

#include <array>
#include <charconv>
#include <compare>
#include <optional>

namespace controller {
namespace {

using Release = std::array<int, 4>;  // v1.2.3-4

std::optional<Release> parse(std::string_view text) {
  if (!text.starts_with('v')) return std::nullopt;
  Release release{};
  const char* at = text.data() + 1;
  const char* end = text.data() + text.size();
  for (size_t i = 0; i < release.size(); ++i) {
    const auto [stop, error] = std::from_chars(at, end, release[i]);
    if (error != std::errc() || release[i] < 0) return std::nullopt;
    at = stop;
    if (i == 3) break;
    // What follows a dash is a number of commits, or of no matter ("-dirty", "-rc1").
    if (i == 2 && (at == end || *at != '-' || at + 1 == end || at[1] < '0' || at[1] > '9')) break;
    if (at == end || *at != (i == 2 ? '-' : '.')) return std::nullopt;
    ++at;
  }
  return release;
}

}  // namespace

Age compare_ages(std::string_view one, std::string_view other) {
  const auto mine = parse(one);
  const auto theirs = parse(other);
  if (!mine || !theirs) return Age::kUnknown;
  return *mine < *theirs ? Age::kOlder : *mine == *theirs ? Age::kSame : Age::kNewer;
}

}  // namespace controller
