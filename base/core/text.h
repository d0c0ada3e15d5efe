#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

// The candidate a person most likely meant (edit distance, at most a third of the word); none when
// nothing is near.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

std::vector<std::string> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);

std::string lower(std::string_view text);  // ASCII alone

// True when the bytes are well-formed UTF-8 (RFC 3629); otherwise `bad_offset` gets the first bad
// byte.
bool is_utf8(std::string_view bytes, size_t* bad_offset = nullptr);

// The longest prefix of well-formed UTF-8 of at most `most` bytes that ends no character in its
// middle.
std::string utf8_prefix(std::string_view text, size_t most);

// RFC 1123 label: 1 to 63 of a-z, 0-9 and '-', no '-' at either end.
bool is_dns_label(std::string_view text);

// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::string_view bytes);

// The same of what comes in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  std::string hex();  // once, last

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace base
