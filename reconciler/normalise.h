#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/model.h"

// One normal form of intent. The spec hash, the diff, the stated cause and the preview all read it,
// so they cannot disagree about what a change is.
namespace reconciler {

using Fields = std::vector<std::pair<std::string, std::string>>;  // in a fixed order

// What a container is made from: another value needs another container. `restarted_at` is the
// service's.
Fields container_fields(const crds::Component& component,
                        const std::optional<TimePoint>& restarted_at);

// What only the agent acts on: another value leaves the container as it is.
Fields agent_fields(const crds::Component& component);

// 16 hexadecimal digits.
std::string spec_hash(const Fields& fields);

std::vector<FieldChange> diff(const Fields& from, const Fields& to);

// "image: web:v1 -> web:v2, env.LEVEL: debug -> (none)"
std::string text(const std::vector<FieldChange>& changes);

// Fills in every default from the service and the fleet. The image stays empty when nothing says
// it.
crds::Component complete(const crds::Component& component, const crds::Service& service,
                         const crds::Fleet& fleet);

// Whether a new container can be made beside the old one: no fixed host port, no host network, and
// `strategy` does not forbid it.
bool can_roll(const crds::Component& component);

// Whether two references can mean one image: podman writes short names out ("nginx:1" is listed as
// "docker.io/library/nginx:1").
bool same_image(const std::string& a, const std::string& b);

}  // namespace reconciler
