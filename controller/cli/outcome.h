#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/core/result.h"

// How a command ends. The numbers are a contract with scripts and CI (docs/cli.md).
namespace controller {

enum class Exit : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kInvalidDefinitions = 3,
  kNotReady = 4,  // also: differences found
  kTimedOut = 5,
  kDenied = 6,
  kUnreachable = 7,
  kInterrupted = 130,  // 128 + SIGINT, as shells count
};

// The exit that an error means when nothing more is known about it.
Exit exit_of(base::Code code);

struct Failure {
  Exit exit = Exit::kFailed;
  base::Error error;
};

// What a command returns: the exit code, or the failure that main prints. An error of a lower layer
// converts, so MCP_TRY works in a command.
class [[nodiscard]] Outcome : public tl::expected<Exit, Failure> {
 public:
  Outcome(Exit exit) : tl::expected<Exit, Failure>(exit) {}  // NOLINT
  Outcome(Failure failure)                                   // NOLINT
      : tl::expected<Exit, Failure>(tl::unexpect, std::move(failure)) {}
  Outcome(base::Error error)  // NOLINT
      : Outcome(Failure{exit_of(error.code), std::move(error)}) {}
};

// The command line itself is wrong.
Failure usage(std::string message, std::string hint = {});

}  // namespace controller
