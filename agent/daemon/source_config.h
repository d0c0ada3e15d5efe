#pragma once

#include "agent/config/config.h"
#include "agent/source/git_source.h"

namespace agent {

// [source] of the configuration as SOURCE wants it.
GitSourceConfig source_config(const Config& config, const reconciler::Revision& since);

}  // namespace agent
