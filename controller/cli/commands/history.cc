#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/session.h"
#include "controller/cli/table.h"

namespace controller {
namespace {

struct Row {
  std::string revision;
  std::optional<base::TimePoint> time;
  std::string author;
  std::string subject;
  std::optional<bool> ready;  // none: no agent has had it in force
};

std::string ready_text(const std::optional<bool>& ready) {
  return !ready ? "-" : *ready ? "yes" : "no";
}

// What the agents say about each revision, newest first.
struct Told {
  std::vector<HistoryItem> items;
  Exit exit = Exit::kDone;  // else: why not every agent has answered
};
Told from_agents(Session& session, const std::string& service) {
  Told told;
  const auto agents = session.agents();
  if (!agents) return told;
  for (auto& answer :
       ask_all(**agents, [&](const Agent& agent) { return agent.service(service); })) {
    if (answer.result) {
      const auto& history = answer.result->history;
      told.items.insert(told.items.end(), history.begin(), history.end());
    } else if (answer.result.error().code == base::Code::kNotFound) {
      session.detail(answer.result.error().text());
    } else {
      session.warn(answer.result.error().text());
      told.exit = exit_of(answer.result.error().code);
    }
  }
  return told;
}

std::vector<Row> rows_of(const std::vector<HistoryEntry>& commits,
                         const std::vector<HistoryItem>& items) {
  std::map<std::string, bool> ready;
  for (const HistoryItem& item : items) ready[item.revision] = ready[item.revision] || item.ready;
  std::vector<Row> rows;
  for (const HistoryEntry& commit : commits) {
    const auto known = ready.find(commit.revision);
    rows.push_back({commit.revision, commit.time, commit.author, commit.subject,
                    known == ready.end() ? std::nullopt : std::optional(known->second)});
  }
  if (!commits.empty()) return rows;
  for (const HistoryItem& item : items)
    rows.push_back({item.revision, item.time, "", item.message, item.ready});
  return rows;
}

Outcome history(Session& session, const std::string& service) {
  const auto [items, exit] = from_agents(session, service);
  std::vector<HistoryEntry> commits;
  if (auto repository = session.repository()) {
    MCP_TRY(commits, from_git((*repository)->history(ServiceName(service))));
  } else if (items.empty()) {
    return repository.error();
  }
  const std::vector<Row> rows = rows_of(commits, items);
  if (rows.empty())
    return base::not_found("nobody has ever defined a service '" + service + "'",
                           "mcp list shows the services");
  Table table({"REVISION", "AGE", "READY", "AUTHOR", "SUBJECT"});
  Json document = {{"service", service}, {"history", Json::array()}};
  std::vector<std::string> names;
  const base::TimePoint at = now();
  for (const Row& row : rows) {
    table.add({short_revision(row.revision), age(row.time, at), ready_text(row.ready), row.author,
               row.subject});
    document["history"].push_back({{"revision", row.revision},
                                   {"time", row.time ? Json(base::to_rfc3339(*row.time)) : Json()},
                                   {"ready", row.ready ? Json(*row.ready) : Json()},
                                   {"author", row.author},
                                   {"subject", row.subject}});
    names.push_back(row.revision);
  }
  session.emit(document, names, [&] { return table.text(); });
  return exit;
}

}  // namespace

Command history_command() {
  auto service = std::make_shared<std::string>();
  return {
      .name = "history",
      .summary = "List the commits that changed a service, and which were Ready",
      .example = "mcp history web",
      .arguments = {{"SERVICE", service.get(), "the service", Complete::kService}},
      .run = [service](Session& session) { return history(session, *service); },
  };
}

}  // namespace controller
