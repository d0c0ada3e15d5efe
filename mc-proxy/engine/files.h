#pragma once

#include <string>

#include "base/core/result.h"

namespace mc_proxy {

// The whole file or none of it, mode 0600; one that says so already is left alone. kExhausted: the
// disk is full.
base::Result<> write_file(const std::string& path, const std::string& text);
// kNotFound when it cannot be read.
base::Result<std::string> read_file(const std::string& path);

}  // namespace mc_proxy
