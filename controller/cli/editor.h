#pragma once

#include <filesystem>
#include <string>

#include "base/core/result.h"

namespace controller {

// Opens the file in `editor` (a shell command, as git and others read it) on this terminal, and
// waits for its end. Ctrl-C belongs to the editor meanwhile. An error when it cannot be started or
// ends with another code than 0.
base::Result<> open_editor(const std::string& editor, const std::filesystem::path& file);

}  // namespace controller
