#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/gather.h"
#include "controller/cli/node_change.h"
#include "crds/edit.h"
#include "crds/quote.h"

namespace controller {
namespace {

struct AddOptions {
  std::string name;
  std::string address;
  std::vector<std::string> labels;
};

std::string line(const std::string& key, const std::string& value) {
  return value.empty() ? std::string() : key + " = " + crds::in_quotes(value) + "\n";
}

tl::expected<std::string, Failure> node_text(const AddOptions& options, const std::string& agent) {
  std::string text =
      line("name", options.name) + line("address", options.address) + line("agent", agent);
  std::vector<std::string> labels;
  for (const std::string& label : options.labels) {
    const size_t at = label.find('=');
    if (at == std::string::npos || at == 0)
      return tl::unexpected(usage("'" + label + "' is not a label", "--label KEY=VALUE"));
    labels.push_back(crds::in_quotes(label.substr(0, at)) + " = " +
                     crds::in_quotes(label.substr(at + 1)));
  }
  if (!labels.empty()) text += "labels = { " + base::join(labels, ", ") + " }\n";
  return text;
}

Exit after(const NodeCommit& done) {
  return done.unreached.empty() ? Exit::kDone : Exit::kUnreachable;
}

void say(Session& session, const std::string& node, const NodeCommit& done,
         const std::string& what) {
  session.emit(node_document(node, done), {node}, [&] {
    return session.globals().quiet ? std::string() : "node " + node + " " + what + "\n";
  });
}

Outcome add(Session& session, const AddOptions& options) {
  if (!base::is_dns_label(options.name))
    return usage("'" + options.name + "' is not the name of a node",
                 "names have a-z, 0-9 and '-', at most 63");
  const auto text = node_text(options, session.globals().agent);
  if (!text) return text.error();
  MCP_TRY(const Definitions definitions, current_definitions(session));
  if (const auto there = node_path(definitions, options.name))
    return base::make_error(base::Code::kConflict,
                            "node " + options.name + " is defined already, in " + *there,
                            "edit that file, or give the new one another name");
  MCP_TRY(Repository * repository, session.repository());
  ChangeRequest change;
  const std::string folder = repository->path().empty() ? "" : repository->path() + "/";
  change.path = folder + "nodes/" + options.name + ".toml";
  change.message = "node add " + options.name;
  change.edit = create_file(*text);
  MCP_TRY(const NodeCommit done, commit_node(session, change));
  say(session, options.name, done, "is defined in " + done.commit.path);
  return after(done);
}

struct RemoveOptions {
  std::string name;
  bool force = false;
};

// Why the node is not to go, or nothing.
std::string in_use(const NodeUse& use) {
  std::vector<std::string> reasons;
  if (!use.pinned.empty()) reasons.push_back("named by " + base::join(use.pinned, ", "));
  if (!use.edges.empty()) reasons.push_back("the edge of " + base::join(use.edges, ", "));
  std::vector<std::string> placed;
  for (const NodeUse::Placed& one : use.placed)
    placed.push_back(one.service + (one.data ? " (with data)" : ""));
  if (!placed.empty()) reasons.push_back("where " + base::join(placed, ", ") + " is placed");
  return base::join(reasons, "; ");
}

// Whether the node's own agent says that it has the service no more.
bool has_left(const Picture& picture, const std::string& node, const std::string& service) {
  for (const NodeStatus& status : picture.nodes)
    if (status.node == node)
      return std::none_of(status.services.begin(), status.services.end(),
                          [&](const ServiceStatus& one) { return one.name == service; });
  return false;
}

Outcome remove(Session& session, const RemoveOptions& options) {
  MCP_TRY(const Definitions definitions, current_definitions(session));
  ChangeRequest change;
  MCP_TRY(change.path, node_path(definitions, options.name));
  const crds::NodeName node(options.name);
  // A drained node has only what waits for the operator.
  NodeUse use = use_of(definitions, options.name);
  const bool drained = !definitions.tree.nodes.at(node).value.schedulable;
  if (drained) {
    MCP_TRY(const Picture picture, take_picture(session));
    std::erase_if(use.placed, [&](const NodeUse::Placed& one) {
      return !one.data || has_left(picture, options.name, one.service);
    });
  }
  const std::string why = in_use(use);
  if (!why.empty() && !options.force)
    return base::make_error(
        base::Code::kConflict, "node " + options.name + " is " + why,
        !use.pinned.empty() || !use.edges.empty()
            ? "change these definitions first; --force removes what is only placed there"
        : drained ? "move the data first (mcp node drain " + options.name + " says how), or --force"
                  : "mcp node drain " + options.name + " first, or --force");
  if (!why.empty()) session.warn("node " + options.name + " is " + why);
  change.message = "node remove " + options.name;
  change.edit = [node](std::string_view path, std::string_view text) {
    return crds::remove_node(path, text, node);
  };
  MCP_TRY(const NodeCommit done, commit_node(session, change));
  say(session, options.name, done, "is removed");
  return after(done);
}

}  // namespace

Command node_add_command() {
  auto options = std::make_shared<AddOptions>();
  return {
      .name = "node add",
      .summary = "Commit the definition of a node",
      .details =
          "ADDRESS is where other nodes reach it. --agent, the flag of every command, is written\n"
          "into the file here: where commands find the node's agent.",
      .example =
          "mcp node add rift 192.0.2.7 --agent ssh://mcp@rift\n"
          "mcp node add attic 192.0.2.8 --label zone=home --label disk=large",
      .arguments = {{"NAME", &options->name, "as its agent calls itself"},
                    {"ADDRESS", &options->address, "a host name or an IP address"}},
      .flags = {{"--label", &options->labels, "KEY=VALUE", "a label for placement (repeat)"}},
      .run = [options](Session& session) { return add(session, *options); },
  };
}

Command node_remove_command() {
  auto options = std::make_shared<RemoveOptions>();
  return {
      .name = "node remove",
      .summary = "Commit that a node is gone",
      .details =
          "Refused while services name the node, have it as their edge, or are placed there:\n"
          "drain it first. With --force services that are placed there go to other nodes at once;\n"
          "data stays on the removed node. Definitions that name the node would not be valid any\n"
          "more and have to be changed in any case.",
      .example = "mcp node remove rift\nmcp node remove attic --force",
      .arguments = {{"NAME", &options->name, "the node", Complete::kNode}},
      .flags = {{"--force", &options->force, "", "although services are placed there"}},
      .run = [options](Session& session) { return remove(session, *options); },
  };
}

}  // namespace controller
