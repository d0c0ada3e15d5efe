#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/core/strong.h"
#include "base/core/time.h"

namespace base::git {

using Oid = base::Id<struct GitOidTag>;  // an object's name: 40 hexadecimal digits

struct Entry {
  enum class Kind { kFile, kExecutable, kSymlink, kSubmodule };
  std::string path;  // inside the repository, '/' between folders
  Oid oid;
  Kind kind = Kind::kFile;
  friend bool operator==(const Entry&, const Entry&) = default;
};

struct Signature {
  std::string name;
  std::string email;
  base::TimePoint time{};
  int offset_minutes = 0;  // east of UTC
};

struct CommitInfo {
  Oid oid;
  std::vector<Oid> parents;
  Signature author;
  base::TimePoint committed{};
  std::string message;
  std::string subject() const;
  // "Key: value" lines of the message's last paragraph (git-interpret-trailers(1)), in order.
  std::vector<std::pair<std::string, std::string>> trailers() const;
};

// The signature that a commit carries, and the bytes that were signed; both empty: it has none.
struct SignedCommit {
  std::string signature;  // armoured
  std::string payload;
};

// A file as a commit should have it; no text: it is removed.
struct Change {
  std::string path;
  std::optional<std::string> text;
};

}  // namespace base::git
