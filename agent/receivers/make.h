#pragma once

#include "agent/receivers/receivers.h"

// For this folder alone.
namespace agent {

std::unique_ptr<CheckedReceiver> make_webhook(const ReceiverOptions& options);
std::unique_ptr<CheckedReceiver> make_alertmanager(const ReceiverOptions& options);
std::unique_ptr<CheckedReceiver> make_ntfy(const ReceiverOptions& options);
std::unique_ptr<CheckedReceiver> make_email(const ReceiverOptions& options);

}  // namespace agent
