#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/jwt/jwt.h"
#include "base/process/process.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/gather.h"
#include "controller/cli/session.h"
#include "controller/cli/token.h"

namespace controller {
namespace {

using Findings = std::vector<DoctorFinding>;

// Tokens and certificates are believed some seconds early and late, and no more.
constexpr base::Millis kClockDifference = std::chrono::seconds(5);
constexpr base::Millis kTokenSoon = std::chrono::hours(1);
constexpr base::Millis kGitDeadline = std::chrono::seconds(10);

DoctorFinding ok(std::string check, std::string message) {
  return {"ok", std::move(check), std::move(message), ""};
}

DoctorFinding failed(const char* level, std::string check, const base::Error& error) {
  return {level, std::move(check), error.message, error.hint};
}

DoctorFinding check_git() {
  const auto done = base::run_command({{"git", "--version"}}, "", kGitDeadline);
  if (!done || !done->ok())
    return {"error", "git", "git does not run", "install git: commits are made with it"};
  std::string version = done->out;
  while (version.ends_with('\n')) version.pop_back();
  return ok("git", version);
}

DoctorFinding check_config(const Session& session) {
  const std::string& file = session.config().file;
  return ok("config", file.empty() ? "none; defaults and the environment count" : file);
}

DoctorFinding check_repository(Session& session) {
  const auto repository = session.repository();
  if (!repository) return failed("error", "repository", repository.error());
  if (const auto fetched = (*repository)->refresh(); !fetched)
    return failed("error", "repository", fetched.error());
  const auto head = (*repository)->head();
  if (!head) return failed("error", "repository", head.error());
  const std::string& url = (*repository)->url();
  if (url.empty())
    return {"warning", "repository",
            (*repository)->worktree().string() + " has no remote: no agent sees its commits",
            "git remote add origin URL, unless the agents follow this folder"};
  return ok("repository",
            url + " answers; " + (*repository)->branch() + " is at " + short_revision(*head));
}

DoctorFinding check_token(const Session& session) {
  const std::string token = current_token(session.environment(), session.config());
  if (token.empty()) return ok("token", "not logged in, which https addresses alone need");
  const auto hint = base::peek_jwt(token);
  if (!hint) return {"error", "token", "what is kept is not a token", "mcp login"};
  const std::string who = hint->subject + " of " + hint->issuer;
  if (!hint->expires) return ok("token", who + ", without an end");
  const std::string until = base::to_rfc3339(*hint->expires);
  if (*hint->expires <= now())
    return {"error", "token", "that of " + who + " expired at " + until, "mcp login"};
  if (*hint->expires - now() < kTokenSoon)
    return {"warning", "token", "that of " + who + " expires at " + until, "mcp login"};
  return ok("token", who + ", until " + until);
}

// What an agent's answer says that the agent does not know itself.
void add_differences(const Session& session, const DoctorReport& report, base::TimePoint received,
                     Findings& findings) {
  if (report.version != session.version())
    findings.push_back({"warning", "version",
                        "the agent is " + report.version + ", this mcp " + session.version() +
                            ": fields and calls of the newer one may be missing",
                        "install the same version on both sides"});
  if (!report.at) return;
  const base::Millis off = *report.at > received ? *report.at - received : received - *report.at;
  if (off > kClockDifference)
    findings.push_back({"warning", "clock",
                        "it is " +
                            base::to_duration(std::chrono::floor<std::chrono::seconds>(off)) +
                            (*report.at > received ? " ahead of" : " behind") + " this machine's",
                        "synchronise both (timedatectl set-ntp true)"});
}

struct Place {
  std::string label;  // "here", or a node
  Findings findings;
};

std::vector<Place> examine(Session& session, Picture& picture) {
  std::vector<Place> places = {
      {"here",
       {check_git(), check_config(session), check_repository(session), check_token(session)}}};
  const auto agents = session.agents();
  if (!agents) {
    places.front().findings.push_back(failed("error", "agents", agents.error()));
    return places;
  }
  struct Timed {
    DoctorReport report;
    base::TimePoint received;
  };
  const auto ask = [](const Agent& agent) -> base::Result<Timed> {
    MCP_TRY(DoctorReport report, agent.doctor());
    return Timed{std::move(report), now()};
  };
  for (const auto& answer : ask_all(**agents, ask)) {
    const std::string& label = answer.agent->label();
    if (!answer.result) {
      places.push_back({label, {failed("error", "agent", answer.result.error())}});
      picture.unreachable.push_back({label, answer.result.error()});
      continue;
    }
    Findings findings = answer.result->report.findings;
    add_differences(session, answer.result->report, answer.result->received, findings);
    places.push_back({label, std::move(findings)});
  }
  return places;
}

int64_t count(const std::vector<Place>& places, std::string_view level) {
  int64_t out = 0;
  for (const Place& place : places)
    out += std::count_if(place.findings.begin(), place.findings.end(),
                         [&](const DoctorFinding& one) { return one.level == level; });
  return out;
}

std::string in_words(const Session& session, const std::vector<Place>& places) {
  const Terminal& terminal = session.terminal();
  std::string out;
  for (const Place& place : places) {
    out += terminal.paint(Colour::kBold, place.label) + "\n";
    for (const DoctorFinding& one : place.findings) {
      const Colour colour = one.level == "ok"        ? Colour::kGreen
                            : one.level == "warning" ? Colour::kYellow
                                                     : Colour::kRed;
      std::string level = one.level;
      level.resize(9, ' ');
      out += "  " + terminal.paint(colour, level) + one.check + ": " + one.message + "\n";
      if (!one.hint.empty()) out += "             -> " + one.hint + "\n";
    }
  }
  return out + "errors: " + std::to_string(count(places, "error")) +
         ", warnings: " + std::to_string(count(places, "warning")) + "\n";
}

Outcome doctor(Session& session) {
  Picture picture;
  const std::vector<Place> places = examine(session, picture);
  Json document = {{"errors", count(places, "error")}, {"warnings", count(places, "warning")}};
  document["places"] = Json::array();
  std::vector<std::string> names;
  for (const Place& place : places) {
    Json findings = Json::array();
    for (const DoctorFinding& one : place.findings) {
      findings.push_back({{"level", one.level},
                          {"check", one.check},
                          {"message", one.message},
                          {"hint", one.hint.empty() ? Json() : Json(one.hint)}});
      if (one.level != "ok") names.push_back(place.label + "/" + one.check);
    }
    document["places"].push_back({{"name", place.label}, {"findings", std::move(findings)}});
  }
  session.emit(document, names, [&] { return in_words(session, places); });
  const bool away = std::any_of(
      picture.unreachable.begin(), picture.unreachable.end(),
      [](const Report& one) { return exit_of(one.status.error().code) == Exit::kUnreachable; });
  if (away) return Exit::kUnreachable;
  return document["errors"] == 0 ? Exit::kDone : Exit::kFailed;
}

}  // namespace

Command doctor_command() {
  return {
      .name = "doctor",
      .summary = "Examine this machine and the nodes, and say what to do",
      .details =
          "Here: git, the repository, the configuration and the token. On each node what\n"
          "mcp-agent check finds (podman, the repository, linger, subordinate ids, cgroups,\n"
          "ports, left over processes, credentials, clock, disks, socket, certificate), and\n"
          "how its clock and version differ from these. Exits with 1 when there is an error,\n"
          "with 7 when an agent does not answer.",
      .example = "mcp doctor\nmcp doctor --node rift -o json",
      .run = doctor,
  };
}

}  // namespace controller
