#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/view/finding.h"
#include "agent/view/meters.h"
#include "agent/view/view.h"
#include "base/metrics/exposition.h"

// STATUS: a View as the documents of the API (docs/api.md). Pure; any thread. Absent values are
// null, absent lists are empty.
namespace agent {

using Json = nlohmann::ordered_json;

Json status_document(const View& view, std::string_view version);

// The entries of the status document's "services".
Json services_document(const View& view);
// One of them; none when this node knows no such service.
std::optional<Json> service_document(const View& view, const reconciler::ServiceName& name);
// All names of services_document(), for suggestions.
std::vector<std::string> service_names(const View& view);

// Every container of ours, serving or not.
Json containers_document(const View& view);

// Every route that mc-proxy has, ours or not.
Json routes_document(const View& view);

// The container that stands for the component: the one that serves, else the one that is to.
std::optional<reconciler::ContainerId> container_of(const View& view,
                                                    const reconciler::ComponentKey& key);

// What Prometheus reads; docs/metrics.md has every name. `events`: how many were stored, by
// (reason, warning).
std::string metrics_text(const View& view, std::string_view version,
                         const std::map<std::pair<std::string, bool>, int64_t>& events,
                         const Meters& meters, base::metrics::Format format);

// Findings as the API's "findings" list them.
Json findings_json(const std::vector<Finding>& findings);

// Whether the agent can do its work: podman answers, the registry takes writes, and a revision was
// resolved. The error says what is missing.
base::Result<> readiness(const View& view);

}  // namespace agent
