#pragma once

#include <string_view>

namespace agent {

// Tells systemd how the service stands (sd_notify(3), the protocol on $NOTIFY_SOCKET). Does nothing
// where no service manager listens.
void notify_service_manager(std::string_view state);

}  // namespace agent
