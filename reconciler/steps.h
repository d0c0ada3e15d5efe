#pragma once

#include <map>
#include <string>

#include "reconciler/model.h"

// How each step is written, and what the memory makes of its result.
namespace reconciler {

Step pull_step(const ComponentKey& key, const Revision& revision, const std::string& image,
               std::string cause);
Step create_step(const ComponentKey& key, const NodeName& node, const ServiceDesired& service,
                 const ComponentDesired& desired, Slot slot,
                 const std::map<std::string, uint16_t>& leases, std::string cause);
Step start_step(const ComponentKey& key, const Revision& revision,
                const ObservedContainer& container, bool heals, std::string cause);
// `object` is what the routes lead to, or what becomes of them; it makes the step's id.
Step route_step(const ComponentKey& key, const Revision& revision, const std::string& object,
                std::vector<RouteSpec> routes, std::vector<RouteKey> unroutes, std::string cause);
Step stop_step(const ComponentKey& key, const Revision& revision,
               const ObservedContainer& container, std::optional<Millis> timeout,
               std::string cause);
Step remove_step(const ComponentKey& key, const Revision& revision,
                 const ObservedContainer& container, std::string cause);

// "the start of web.main"
std::string in_words(const Step& step);

// "suspended until 2026-11-23T10:00:00Z (moving the database)"
std::string suspension_text(const crds::Suspend& suspend);

// The stable reason (conditions.h) of a step that failed.
const char* failure_reason(const Failure& failure);

// The last of the lines, cut short: " (it said: panic: no config)"; empty where there is none.
std::string said(const std::vector<std::string>& lines);

// "exited with 137"
std::string exit_text(int code);
std::string exit_text(const ObservedContainer& container);

// What the component remembers once `step` has returned: success forgets the failure, an error sets
// the back-off. Pure.
ComponentMemory absorb(const ComponentMemory& memory, const Step& step,
                       const base::Result<>& result, TimePoint now);

}  // namespace reconciler
