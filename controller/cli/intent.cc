#include "controller/cli/intent.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/core/text.h"
#include "controller/cli/describe.h"
#include "controller/cli/receipt.h"
#include "controller/cli/wait.h"
#include "crds/decode.h"

namespace controller {
namespace {

using End = WaitOutcome::End;

std::string subject(const std::string& message) {
  return message.substr(0, message.find('\n'));
}

std::string committed_line(const Intent& intent, const Commit& commit) {
  if (!commit.changed) return "nothing to commit; already at " + short_revision(commit.revision);
  std::string line =
      "committed " + short_revision(commit.revision) + " " + subject(intent.change.message);
  if (!commit.pushed) return line + " (there is no remote to push to)";
  line += " (pushed";
  if (commit.retries > 0) line += " after " + std::to_string(commit.retries) + " rebase(s)";
  return line + ")";
}

// The agents that can run the service: the one of its node when the definition names it. Agents
// whose node is not known may be the one.
std::vector<const Agent*> concerned(const std::vector<Agent>& agents, const std::string& node) {
  std::vector<const Agent*> all;
  for (const Agent& agent : agents) {
    if (!node.empty() && agent.name() == node) return {&agent};
    if (node.empty() || agent.name().empty()) all.push_back(&agent);
  }
  return all;
}

Json result_document(const Intent& intent, const Commit& commit, const std::string& node) {
  Json document;
  document["service"] = intent.service;
  document["node"] = node.empty() ? Json() : Json(node);
  document["revision"] = commit.revision;
  document["path"] = commit.path;
  document["changed"] = commit.changed;
  document["pushed"] = commit.pushed;
  document["message"] = subject(intent.change.message);
  if (intent.add_details) intent.add_details(document);
  return document;
}

class Delivery {
 public:
  Delivery(Session& session, const Intent& intent, Repository& repository, Commit commit)
      : session_(session),
        intent_(intent),
        repository_(repository),
        commit_(std::move(commit)),
        progress_(session.progress()) {}

  // `moved`: the change names another node than the definition did before.
  Outcome run(const std::string& node, bool moved) {
    progress_->say(committed_line(intent_, commit_));
    const auto agents = session_.agents();
    if (!agents) return committed_but(agents.error());
    agents_ = concerned(**agents, node);
    // It may have to leave another node first, or be stopped there.
    if (moved || runs_elsewhere()) agents_ = concerned(**agents, "");
    if (agents_.empty())
      return committed_but(base::unavailable(
          "no agent of the node '" + node + "', which runs " + intent_.service + ", is known",
          "name it in [[nodes]] of the configuration, or as `agent` of the node's file"));
    Goal goal = make_goal();
    const auto events = intent_.wait ? newest_events(agents_) : std::map<std::string, int64_t>{};
    const auto unreached = request_syncs(agents_, intent_.allow_prune, goal);
    for (const Unreached& one : unreached)
      session_.warn("cannot ask " + one.label + " to sync: " + one.error.text());
    if (!unreached.empty() && unreached.size() == agents_.size())
      return committed_but(unreached.front().error);
    std::erase_if(agents_,
                  [&](const Agent* agent) { return !goal.syncs.contains(agent->label()); });
    if (!intent_.wait) return not_waiting();
    return finish(wait_for(agents_, goal, events, wait_limit(session_), *progress_),
                  !unreached.empty());
  }

 private:
  // The node that is to run it waits for data that another one has, and serves it with.
  bool runs_elsewhere() const {
    if (agents_.size() != 1) return false;
    const auto status = agents_.front()->status();
    return status && std::any_of(status->services.begin(), status->services.end(),
                                 [&](const ServiceStatus& one) {
                                   return one.name == intent_.service && !one.data_on.empty();
                                 });
  }

  Goal make_goal() {
    Goal goal;
    goal.service = intent_.service;
    goal.removed = intent_.removed;
    goal.suspended = intent_.suspended;
    goal.revision = commit_.revision;
    goal.contains = contained_in(repository_);
    return goal;
  }

  // The error of what comes after the commit says that the commit stands.
  Outcome committed_but(base::Error error) {
    if (commit_.changed)
      error.hint += std::string(error.hint.empty() ? "" : "; ") + "the change is committed as " +
                    short_revision(commit_.revision) +
                    ", and the agent takes it up when it fetches next: " + follow();
    return error;
  }

  std::string follow() const { return "mcp status " + intent_.service + " --wait"; }

  Outcome not_waiting() {
    Json document = result_document(intent_, commit_, "");
    document["ready"] = nullptr;
    session_.emit(document, {intent_.service}, [&] {
      return session_.globals().quiet
                 ? std::string()
                 : intent_.service + ": sync requested; not waiting (follow with: " + follow() +
                       ")\n";
    });
    return Exit::kDone;
  }

  Outcome finish(const WaitOutcome& waited, bool some_unreached) {
    const Verdict& last = waited.last;
    Json document = result_document(intent_, commit_, last.node);
    document["inForce"] = last.in_force;
    document["ready"] = waited.end == End::kDone;
    document["reason"] = last.reason;
    document["detail"] = last.message;
    document["seconds"] = static_cast<double>(waited.took.count()) / 1000;
    const bool caused = last.service && commit_.changed;
    document["rollouts"] = caused ? receipts_document(*last.service) : Json::array();
    if (waited.end == End::kDone) {
      session_.emit(document, {intent_.service}, [&] {
        return done_line(waited) + (caused ? receipts(*last.service) : std::string());
      });
      return some_unreached ? Exit::kUnreachable : Exit::kDone;
    }
    if (!session_.text_output() && session_.globals().output != "name")
      session_.emit(document, {}, {});
    if (waited.end != End::kInterrupted) show_logs(waited);
    if (caused && !session_.globals().quiet)
      for (const std::string& line : base::split(receipts(*last.service), '\n'))
        if (!line.empty()) session_.note(line);
    return explain(waited);
  }

  std::string done_line(const WaitOutcome& waited) const {
    const Verdict& last = waited.last;
    std::ostringstream line;
    line << session_.terminal().paint(Colour::kGreen, "✓") << " " << intent_.service;
    if (intent_.removed)
      line << " is gone";
    else if (intent_.suspended && last.service && last.service->suspended)
      line << " is suspended on " << last.node << " " << how_long(*last.service->suspended, now());
    else
      line << " is " << (last.reason == "Stopped" ? "stopped" : "Ready") << " on " << last.node;
    line << " at " << short_revision(last.in_force) << " (" << base::short_age(waited.took) << ")";
    if (last.in_force != commit_.revision)
      line << "; a newer commit came in meanwhile and contains "
           << short_revision(commit_.revision);
    return line.str() + "\n";
  }

  // What a container said before it ended is mostly the answer.
  void show_logs(const WaitOutcome& waited) const {
    const Verdict& last = waited.last;
    if (!last.service || session_.globals().quiet) return;
    const auto agent = std::find_if(agents_.begin(), agents_.end(), [&](const Agent* one) {
      return agents_.size() == 1 || one->name() == last.node;
    });
    if (agent == agents_.end()) return;
    for (const ComponentStatus& component : last.service->components) {
      if (component.ready || component.container_id.empty() ||
          waited.logged.contains(component.container_id))
        continue;
      const auto lines = last_log_lines(**agent, intent_.service, component.name, kLastLines);
      if (lines.empty()) continue;
      session_.note("last lines of " + intent_.service + "/" + component.name + ":");
      for (const std::string& line : lines) session_.note("  | " + line);
    }
  }

  Outcome explain(const WaitOutcome& waited) const {
    const std::string why =
        waited.last.reason + (waited.last.message.empty() ? "" : ": " + waited.last.message);
    const std::string goal = intent_.removed ? " is not gone" : " is not Ready";
    const std::string stands = commit_.changed ? "commit " + short_revision(commit_.revision) +
                                                     " stands and the agent keeps trying; "
                                               : "the agent keeps trying; ";
    if (waited.last.reason == "Suspended")
      return Failure{
          Exit::kFailed,
          base::make_error(base::Code::kInternal, intent_.service + " is not Ready: " + why,
                           (commit_.changed ? "commit " + short_revision(commit_.revision) +
                                                  " stands, and comes into force then; "
                                            : std::string()) +
                               "mcp resume " + intent_.service + " ends it now")};
    const std::string hint = stands + "mcp why " + intent_.service + ", mcp rollback " +
                             intent_.service + ", or " + follow();
    const auto failure = [&](Exit exit, base::Code code, const std::string& message) {
      return Failure{exit, base::make_error(code, message, hint)};
    };
    switch (waited.end) {
      case End::kTimedOut:
        return failure(Exit::kTimedOut, base::Code::kTimeout,
                       intent_.service + goal + " after " +
                           base::to_duration(wait_limit(session_)) + ": " + why);
      case End::kInterrupted:
        return Failure{
            Exit::kInterrupted,
            base::make_error(
                base::Code::kInternal, "stopped waiting for " + intent_.service,
                (commit_.changed ? "the change is committed as " +
                                       short_revision(commit_.revision) + " and goes on; "
                                 : "") +
                    std::string("follow it with: ") + follow())};
      case End::kUnreachable:
        return failure(Exit::kUnreachable, base::Code::kUnavailable,
                       "lost the agent while waiting for " + intent_.service + ": " + why);
      default:
        return failure(Exit::kFailed, base::Code::kInternal, intent_.service + goal + ": " + why);
    }
  }

  Session& session_;
  const Intent& intent_;
  Repository& repository_;
  Commit commit_;
  std::unique_ptr<Progress> progress_;
  std::vector<const Agent*> agents_;
};

}  // namespace

base::Millis wait_limit(const Session& session) {
  return session.globals().timeout.value_or(std::chrono::minutes(5));
}

base::Result<CurrentDefinition> current_definition(Session& session, const std::string& service) {
  MCP_TRY(Repository * repository, session.repository());
  MCP_CHECK(from_git(repository->refresh()));
  MCP_TRY(DefinitionText file, from_git(repository->definition(crds::ServiceName(service))));
  for (auto& one : crds::decode_file(file.path, file.text).services)
    if (one.value.name.str() == service) return CurrentDefinition{std::move(file), one.value};
  return base::invalid("the definition of " + service + " in " + file.path + " is not valid",
                       "mcp validate says what is wrong");
}

Outcome carry_out(Session& session, const Intent& intent) {
  MCP_TRY(Repository * repository, session.repository());
  std::string node;
  const auto read_node = [&] {
    const auto file = repository->definition(crds::ServiceName(intent.service));
    if (!file) return;
    for (const auto& one : crds::decode_file(file->path, file->text).services)
      if (one.value.name.str() == intent.service) node = one.value.node.str();
  };
  read_node();
  const std::string before = node;
  MCP_TRY(Commit commit, from_git(repository->change(intent.change)));
  if (!intent.removed) read_node();
  const bool moved = !before.empty() && before != node;
  return Delivery(session, intent, *repository, std::move(commit)).run(node, moved);
}

}  // namespace controller
