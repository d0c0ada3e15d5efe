#pragma once

#include <string_view>

#include "agent/view/report.h"
#include "reconciler/model.h"

namespace agent {

// The fields are those of status_document().
Report make_report(const reconciler::Desired& desired, const reconciler::Memory& memory,
                   const reconciler::Observed& observed, std::string_view version);

}  // namespace agent
