#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/core/time.h"
#include "controller/cli/terminal.h"
#include "controller/fleet/documents.h"

// Status in words, for people who are tired.
namespace controller {

// "3m", or "" when the time is not known.
std::string age(const std::optional<base::TimePoint>& then, base::TimePoint now);

// One node: a head line, its conditions when they are not fine, and its services.
std::string describe_node(const NodeStatus& node, const std::vector<ServiceStatus>& services,
                          const Terminal& terminal, base::TimePoint now);

// "3m  web/api  Pulled  pulled registry/web:v2", warnings in yellow.
std::string describe_event(const Event& event, const Terminal& terminal, base::TimePoint now);

// One event as a log line, with its full time.
std::string event_line(const Event& event, const Terminal& terminal);

// "until 2026-11-23T10:00:00Z (1h59m left): moving the database", "until it is resumed"
std::string how_long(const Suspension& suspension, base::TimePoint now);

// What strangers have said, as a terminal can bear it.
std::string visible(std::string text);

// "12.3 MiB"
std::string amount(uint64_t bytes);

base::TimePoint now();

}  // namespace controller
