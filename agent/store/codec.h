#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/alerts/ledger.h"
#include "reconciler/model.h"

// Values as JSON text, for the registry. What is written reads back equal; a field that an older
// program did not write gets its default, one that this program does not know is passed over.
namespace agent {

std::string to_text(const reconciler::ServiceDesired& value) noexcept;
std::string to_text(const reconciler::Desired& value) noexcept;  // all of it but `services`
std::string to_text(const reconciler::ComponentMemory& value) noexcept;
std::string to_text(const reconciler::ServiceMemory& value) noexcept;
std::string to_text(const std::vector<reconciler::Condition>& value) noexcept;
std::string to_text(const AlertRecord& value) noexcept;

// kCorrupt when the text is not what to_text() writes. `what` names it in the message.
template <class Value>
base::Result<Value> from_text(std::string_view text, std::string_view what);

}  // namespace agent
