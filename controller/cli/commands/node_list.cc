#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/gather.h"
#include "controller/cli/node_change.h"
#include "controller/cli/table.h"
#include "controller/cli/via_git.h"

namespace controller {
namespace {

struct Row {
  std::optional<crds::Node> file;
  std::optional<NodeStatus> status;
  std::string error;  // why there is no status
  std::optional<base::TimePoint> seen;
};
using Rows = std::map<std::string, Row>;

bool asked_for(const Session& session, const std::string& node) {
  const auto& wanted = session.globals().nodes;
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), node) != wanted.end();
}

// The files; without a repository the agents alone are shown.
void add_files(Session& session, Rows& rows) {
  auto definitions = current_definitions(session);
  if (!definitions) {
    session.warn("no node files: " + definitions.error().text());
    // What was fetched last is better than nothing.
    const auto repository = session.repository();
    if (!repository) return;
    definitions = (*repository)->read();
    if (!definitions) return;
  }
  for (const auto& [name, node] : definitions->tree.nodes)
    if (asked_for(session, name.str())) rows[name.str()].file = node.value;
}

// Of nodes that do not answer: when they last reported to the repository, if they do.
void add_reports(Session& session, Rows& rows) {
  const auto mute = [](const auto& entry) { return !entry.second.status; };
  const auto repository = session.repository();
  if (!repository || std::none_of(rows.begin(), rows.end(), mute)) return;
  const auto reports = (*repository)->reports();
  if (!reports) return session.detail(reports.error().text());
  for (auto& [name, row] : rows) {
    const auto report = reports->find(name);
    if (!row.status && report != reports->end()) row.seen = report->second.time;
  }
}

Word word_of(const Row& row) {
  if (!row.status) return {"Unknown", nullptr};
  return summarise(row.status->conditions);
}

std::string remark(const Row& row) {
  if (!row.status) return row.error;
  const Word word = word_of(row);
  return word.condition == nullptr ? "" : word.condition->message;
}

Json row_document(const std::string& name, const Row& row) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  Json document = {{"name", name}};
  document["address"] = row.file ? or_null(row.file->address) : Json();
  document["agent"] = row.file ? or_null(row.file->agent) : Json();
  document["labels"] = row.file ? Json(row.file->labels) : Json::object();
  document["schedulable"] = row.file ? Json(row.file->schedulable) : Json();
  document["agentVersion"] = row.status ? or_null(row.status->agent_version) : Json();
  document["revision"] = row.status ? or_null(row.status->revision) : Json();
  document["status"] = word_of(row).text;
  document["message"] = or_null(remark(row));
  document["lastSeen"] = row.seen ? Json(base::to_rfc3339(*row.seen)) : Json();
  return document;
}

Outcome list(Session& session) {
  Rows rows;
  add_files(session, rows);
  Picture picture;
  const auto agents = session.agents();
  if (!agents && rows.empty()) return agents.error();
  if (agents) {
    MCP_TRY(picture, take_picture(session));
  } else {
    picture.unreachable.push_back({"agents", agents.error()});
  }
  const base::TimePoint at = now();
  for (NodeStatus& node : picture.nodes) {
    Row& row = rows[node.node];
    row.seen = at;
    row.status = std::move(node);
  }
  for (const Report& one : picture.unreachable)
    if (agents) rows[one.label].error = one.status.error().text();
  for (auto& [name, row] : rows)
    if (!row.status && row.error.empty())
      row.error =
          "no agent is known (write `agent` into its file, or [[nodes]] of the configuration)";

  add_reports(session, rows);

  Table table({"NAME", "ADDRESS", "VERSION", "REVISION", "STATUS", "SCHEDULABLE", "LAST SEEN"});
  Json nodes = Json::array();
  std::vector<std::string> names;
  std::string remarks;
  for (const auto& [name, row] : rows) {
    const std::string state = word_of(row).text;
    table.add(
        {name, row.file && !row.file->address.empty() ? row.file->address : "-",
         row.status && !row.status->agent_version.empty() ? row.status->agent_version : "-",
         row.status && !row.status->revision.empty() ? short_revision(row.status->revision) : "-",
         state,
         !row.file               ? "-"
         : row.file->schedulable ? "yes"
                                 : "no",
         row.status ? "now"
         : row.seen ? age(row.seen, at) + " ago"
                    : "-"});
    if (state != "Ready" && !remark(row).empty()) remarks += name + ": " + remark(row) + "\n";
    nodes.push_back(row_document(name, row));
    names.push_back(name);
  }
  session.emit({{"nodes", nodes}, {"unreachable", unreachable_document(picture)}}, names, [&] {
    const std::string text = table.empty() ? "no nodes\n" : table.text();
    return remarks.empty() ? text : text + "\n" + remarks;
  });
  return warn_unreachable(session, picture, Exit::kDone);
}

}  // namespace

Command node_list_command() {
  return {
      .name = "node list",
      .summary = "List the nodes, and how their agents are",
      .details =
          "STATUS is Unknown for a node whose agent did not answer. SCHEDULABLE is whether\n"
          "services that name no node may be placed there (mcp node drain).",
      .example = "mcp node list\nmcp node list -o json",
      .run = list,
  };
}

}  // namespace controller
