#pragma once

#include <optional>
#include <string>

#include "base/core/result.h"

namespace controller {

enum class Echo { kShown, kHidden };

// Asks the person at the terminal of this process (/dev/tty), whatever its input and output are.
// None: Ctrl-C, or the end of the input. kInvalid: there is no terminal. What was typed is never
// shown when hidden, and the terminal is as before afterwards.
base::Result<std::optional<std::string>> ask_person(const std::string& question, Echo echo);

}  // namespace controller
