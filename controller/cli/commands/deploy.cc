#include <algorithm>
#include <memory>
#include <optional>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/images.h"
#include "controller/cli/intent.h"
#include "crds/edit.h"

namespace controller {
namespace {

struct Options {
  std::string target;
  std::optional<std::string> version;
  std::optional<std::string> image;
  bool wait = true;
};

const crds::Component* find_component(const crds::Service& service, const std::string& name) {
  const auto it = std::find_if(service.components.begin(), service.components.end(),
                               [&](const crds::Component& one) { return one.name.str() == name; });
  return it == service.components.end() ? nullptr : &*it;
}

std::vector<std::string> component_names(const crds::Service& service) {
  std::vector<std::string> names;
  for (const crds::Component& one : service.components) names.push_back(one.name.str());
  return names;
}

// The component whose image is meant by --image: the named one, or the only one.
tl::expected<const crds::Component*, Failure> image_component(const crds::Service& service,
                                                              const Target& target) {
  const std::vector<std::string> names = component_names(service);
  if (target.component.empty() && service.components.size() == 1) return &service.components[0];
  if (target.component.empty())
    return tl::unexpected(usage("--image needs a component: " + target.service + " has several",
                                "mcp deploy " + target.service + "/COMPONENT --image REF; it has " +
                                    base::join(names, ", ")));
  return find_component(service, target.component);
}

// Edits in a row on one text.
Edit apply_version(const ServiceName& service, const VersionChange& change,
                   const std::string& version) {
  return [service, change, version](std::string_view path,
                                    std::string_view before) -> base::Result<std::string> {
    std::string text(before);
    if (change.set_version) {
      MCP_TRY(text, crds::set_version(path, text, service, version));
    }
    for (const auto& [component, image] : change.images) {
      MCP_TRY(text, crds::set_component_image(path, text, service, component, image));
    }
    return text;
  };
}

std::string from_to(const std::string& what, const std::string& from, const std::string& to) {
  return from.empty() ? what + " " + to : what + " " + from + " -> " + to;
}

// The change that the flags ask for, on the definition as it is now.
tl::expected<void, Failure> fill_change(Session& session, const Options& options,
                                        const Target& target, ChangeRequest& change) {
  const auto current = current_definition(session, target.service);
  if (!current) return tl::unexpected(Failure{exit_of(current.error().code), current.error()});
  const crds::Service& service = current->service;
  if (!target.component.empty() && find_component(service, target.component) == nullptr) {
    const auto names = component_names(service);
    const auto near = base::nearest(target.component, names);
    return tl::unexpected(
        Failure{Exit::kFailed,
                base::not_found(target.service + " has no component '" + target.component + "'",
                                near ? "did you mean '" + target.service + "/" + *near + "'?"
                                     : "it has " + base::join(names, ", "))});
  }
  change.message = "deploy " + target.text() + ": ";
  if (options.image) {
    const auto component = image_component(service, target);
    if (!component) return tl::unexpected(component.error());
    change.message += from_to("image", (*component)->image, *options.image);
    change.edit = [name = service.name, component = (*component)->name, image = *options.image](
                      std::string_view path, std::string_view text) {
      return crds::set_component_image(path, text, name, component, image);
    };
    return {};
  }
  const auto plan = plan_version(service, crds::ComponentName(target.component), *options.version);
  if (!plan) return tl::unexpected(Failure{Exit::kUsage, plan.error()});
  change.message += from_to("version", plan->from, *options.version);
  change.edit = apply_version(service.name, *plan, *options.version);
  return {};
}

// Without flags: what is written in the working tree is what shall run.
base::Result<> fill_from_worktree(Session& session, const Target& target, ChangeRequest& change) {
  MCP_TRY(Repository * repository, session.repository());
  change.message = "deploy " + target.service;
  change.edit = [](std::string_view, std::string_view text) -> base::Result<std::string> {
    return std::string(text);
  };
  if (repository->worktree().empty()) return {};
  change.include_worktree_edits = true;
  const auto definitions = repository->read_worktree();
  if (!definitions) return git_error(definitions.error());
  const auto found = definitions->tree.services.find(ServiceName(target.service));
  // A file that is not committed yet: its path has to be said.
  if (found != definitions->tree.services.end()) change.path = found->second.name_at.file;
  return {};
}

Outcome deploy(Session& session, const Options& options) {
  auto target = parse_target(options.target);
  if (!target) return target.error();
  if (options.version && options.image)
    return usage("--version and --image exclude each other", "--image takes a whole reference");
  Intent intent;
  intent.service = target->service;
  intent.wait = options.wait;
  intent.change.service = ServiceName(target->service);
  if (options.version || options.image) {
    if (auto filled = fill_change(session, options, *target, intent.change); !filled)
      return filled.error();
  } else {
    MCP_CHECK(fill_from_worktree(session, *target, intent.change));
  }
  return carry_out(session, intent);
}

}  // namespace

Command deploy_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "deploy",
      .summary = "Commit what a service shall run, and wait until it is Ready",
      .details =
          "Edits the definition with the smallest change of its text, commits, pushes, lets the\n"
          "agent fetch and follows the rollout. Without --version and --image, edits of the\n"
          "definition in the working tree are committed; when there is nothing to commit, the\n"
          "agent fetches and the wait happens all the same.",
      .example =
          "mcp deploy web --version v1.2.0\n"
          "mcp deploy web/api --image registry.example.net/web-api:v1.2.0\n"
          "mcp deploy web --timeout 2m -o json",
      .arguments = {{"SERVICE[/COMPONENT]", &options->target, "what to deploy",
                     Complete::kComponent}},
      .flags = {{"--version", &options->version, "VERSION",
                 "the version to run: the tag of its images"},
                {"--image", &options->image, "REFERENCE", "the image of the component"},
                {"--wait,!--no-wait", &options->wait, "", "wait until it is Ready (default)"}},
      .run = [options](Session& session) { return deploy(session, *options); },
  };
}

}  // namespace controller
