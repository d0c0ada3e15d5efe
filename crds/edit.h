#pragma once

#include <string>
#include <string_view>

#include "base/core/result.h"
#include "base/core/time.h"
#include "crds/types/types.h"

// Text edits: the smallest change that makes the definition say the new value. Every comment,
// blank line, quote style and line ending elsewhere is kept byte for byte. `path` decides the
// format (.toml, .yaml, .yml); in a file of several YAML documents the one that is named is edited.
// The result always decodes to the old definition with that one value changed, else an error.
namespace crds {

base::Result<std::string> set_active(std::string_view path, std::string_view text,
                                     const ServiceName& service, bool active);
base::Result<std::string> set_version(std::string_view path, std::string_view text,
                                      const ServiceName& service, std::string_view version);
base::Result<std::string> set_restarted_at(std::string_view path, std::string_view text,
                                           const ServiceName& service, base::TimePoint at);
base::Result<std::string> set_component_image(std::string_view path, std::string_view text,
                                              const ServiceName& service,
                                              const ComponentName& component,
                                              std::string_view image);

// A reason with control characters is an error.
base::Result<std::string> set_suspend(std::string_view path, std::string_view text,
                                      const ServiceName& service, const Suspend& suspend);
// A service that is not suspended keeps its text.
base::Result<std::string> clear_suspend(std::string_view path, std::string_view text,
                                        const ServiceName& service);

// Takes the document of `service` out of a file of several; an empty result means that the file
// holds nothing else and can go.
base::Result<std::string> remove_service(std::string_view path, std::string_view text,
                                         const ServiceName& service);

// The same of a node: whether services that name no node may be placed on it, and its removal.
base::Result<std::string> set_schedulable(std::string_view path, std::string_view text,
                                          const NodeName& node, bool schedulable);
base::Result<std::string> remove_node(std::string_view path, std::string_view text,
                                      const NodeName& node);

}  // namespace crds
