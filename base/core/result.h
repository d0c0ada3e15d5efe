#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

// Errors are values. A function that can fail returns Result<T>; nothing throws across a port, and
// a library that throws is caught in the one adapter that calls it.
namespace base {

enum class Code {
  kInvalid,          // the input cannot be right
  kNotFound,         // what was named does not exist
  kConflict,         // taken, already there, or changed by somebody else
  kUnauthenticated,  // credentials are missing or wrong
  kDenied,           // known, but not allowed
  kUnavailable,      // the other side is not there (refused, missing socket, 5xx)
  kTimeout,          // the other side did not answer in time
  kExhausted,        // no space, no port, no memory left
  kCorrupt,          // what we stored or fetched cannot be read back
  kInternal,         // the other side failed for a reason of its own
};

// What has to happen before the same call can succeed.
enum class Retry {
  kBackOff,      // time may heal it
  kAfterChange,  // only another definition or configuration can heal it
};

struct Error {
  Code code = Code::kInternal;
  Retry retry = Retry::kBackOff;
  std::string message;  // what could not be done, to what, why; no capital, no full stop
  std::string hint;     // what to do; empty when nothing is known

  // Puts "context: " before the message.
  Error within(std::string_view context) const;
  // "message (hint)"
  std::string text() const;

  friend bool operator==(const Error&, const Error&) = default;
};

std::string_view name(Code code);

Error invalid(std::string message, std::string hint = {});                // kInvalid, kAfterChange
Error not_found(std::string message, std::string hint = {});              // kNotFound, kBackOff
Error unavailable(std::string message, std::string hint = {});            // kUnavailable, kBackOff
Error make_error(Code code, std::string message, std::string hint = {});  // kBackOff

[[noreturn]] void die_of_unread_error(const Error& error);

// Taking the value of an error ends the program with the error's text: there is none, and
// tl::expected would hand out the error's bytes as one.
template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
  using Base = tl::expected<T, Error>;
  using Value = std::add_lvalue_reference_t<T>;
  using ConstValue = std::add_lvalue_reference_t<const T>;
  using Moved = std::add_rvalue_reference_t<T>;
  static constexpr bool kHasValue = !std::is_void_v<T>;

 public:
  using Base::Base;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}  // NOLINT

  T* operator->()
    requires kHasValue
  {
    return checked().Base::operator->();
  }
  const T* operator->() const
    requires kHasValue
  {
    return checked().Base::operator->();
  }
  Value operator*() &
    requires kHasValue
  {
    return checked().Base::operator*();
  }
  ConstValue operator*() const&
    requires kHasValue
  {
    return checked().Base::operator*();
  }
  Moved operator*() &&
    requires kHasValue
  {
    return std::move(checked().Base::operator*());
  }

 private:
  Result& checked() {
    if (!this->has_value()) [[unlikely]]
      die_of_unread_error(this->error());
    return *this;
  }
  const Result& checked() const {
    if (!this->has_value()) [[unlikely]]
      die_of_unread_error(this->error());
    return *this;
  }
};

}  // namespace base

#define MCP_CONCAT_INNER(a, b) a##b
#define MCP_CONCAT(a, b) MCP_CONCAT_INNER(a, b)

// MCP_TRY(auto value, call()): value, or return its error.
#define MCP_TRY(declaration, ...)                                                                \
  auto MCP_CONCAT(mcp_try_, __LINE__) = (__VA_ARGS__);                                           \
  if (!MCP_CONCAT(mcp_try_, __LINE__)) return std::move(MCP_CONCAT(mcp_try_, __LINE__)).error(); \
  declaration = std::move(*MCP_CONCAT(mcp_try_, __LINE__))

// MCP_CHECK(call()): go on, or return its error.
#define MCP_CHECK(...) \
  if (auto mcp_check = (__VA_ARGS__); !mcp_check) return std::move(mcp_check).error()
