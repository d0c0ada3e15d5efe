#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/component.h"
#include "reconciler/model.h"

// Conditions as kstatus has them
// (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md): Ready first,
// then Reconciling and Stalled only while they are True. `since` moves only when status or reason
// does.
namespace reconciler {

std::vector<Condition> service_conditions(
    const ServiceDesired& service,
    const std::vector<std::pair<ComponentName, const Finding*>>& components,
    const std::vector<Condition>& before, TimePoint now);

// `service` is one of desired.unusable.
std::vector<Condition> conditions_of_unusable(const Desired& desired, const ServiceName& service,
                                              const std::vector<Condition>& before, TimePoint now);

// Of a service for which nothing is done before somebody acts.
std::vector<Condition> conditions_of_stalled(const std::string& why, const std::string& message,
                                             const std::vector<Condition>& before, TimePoint now);

// Of a service that is to run here, and whose data is on another node.
std::vector<Condition> conditions_of_waiting(const ServiceDesired& service, const NodeName& here,
                                             const std::vector<Condition>& before, TimePoint now);

// Of a service that is as it should be, and is another node's.
std::vector<Condition> conditions_of_leaving(const std::string& message, bool late,
                                             const std::vector<Condition>& before, TimePoint now);

// While podman does not answer.
std::vector<Condition> conditions_of_unknown(const base::Error& error,
                                             const std::vector<Condition>& before, TimePoint now);

// `removals`: what is on its way out. The node is not Ready before it is gone.
std::vector<Condition> node_conditions(const Desired& desired, const Observed& observed,
                                       const std::map<ServiceName, ServiceMemory>& services,
                                       const std::vector<std::string>& removals,
                                       const std::vector<Condition>& before, TimePoint now);

}  // namespace reconciler
