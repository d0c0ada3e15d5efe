#include "controller/cli/via_git.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/core/text.h"
#include "controller/cli/interrupt.h"

namespace controller {
namespace {

using Clock = std::chrono::steady_clock;
using base::Millis;

constexpr Millis kAskAgain{2000};
constexpr Millis kFrame{120};
constexpr Millis kFailureStays{15'000};  // as long as with agents, see wait.cc
constexpr int kMaxMisses = 3;            // of the repository, in a row

base::Result<std::set<std::string>> expected_nodes(Session& session, Repository& repository,
                                                   const std::string& revision) {
  const auto& chosen = session.globals().nodes;
  std::set<std::string> names(chosen.begin(), chosen.end());
  if (!names.empty()) return names;
  // Of no revision the newest counts, and what is not known may have come since the last fetch.
  auto definitions = revision.empty() ? base::Result<Definitions>(base::not_found("not asked yet"))
                                      : repository.read(revision);
  if (!definitions) {
    MCP_CHECK(from_git(repository.refresh()));
    definitions = repository.read(revision);
  }
  if (!definitions) return from_git(std::move(definitions)).error();
  for (const auto& [name, node] : definitions->tree.nodes) names.insert(name.str());
  return names;
}

std::vector<Report> reports_of(const Picture& picture) {
  std::vector<Report> out;
  for (const NodeStatus& node : picture.nodes) out.push_back({node.node, node});
  out.insert(out.end(), picture.unreachable.begin(), picture.unreachable.end());
  return out;
}

Verdict nobody() {
  Verdict verdict;
  verdict.reason = "NoReport";
  verdict.message =
      "no node has reported to the repository (set report = true in [source] of the "
      "agents' configuration)";
  verdict.rows.push_back({"nodes", verdict.message, Progress::State::kBusy});
  return verdict;
}

}  // namespace

base::Result<Picture> picture_via_git(Session& session, const std::string& revision) {
  MCP_TRY(Repository * repository, session.repository());
  MCP_TRY(const auto reports, from_git(repository->reports()));
  MCP_TRY(const std::set<std::string> expected, expected_nodes(session, *repository, revision));
  Picture picture;
  for (const auto& [node, report] : reports) {
    if (!expected.empty() && !expected.contains(node)) continue;
    auto status = parse_status(report.document);
    if (status)
      picture.nodes.push_back(std::move(*status));
    else
      picture.unreachable.push_back({node, status.error()});
  }
  for (const std::string& node : expected)
    if (!reports.contains(node))
      picture.unreachable.push_back(
          {node, base::unavailable("node " + node + " has not reported to the repository",
                                   "set report = true in [source] of its agent's configuration, or "
                                   "name the nodes that count with --node")});
  return picture;
}

base::Result<WaitOutcome> wait_via_git(Session& session, const Goal& goal, Millis limit,
                                       Progress& progress) {
  using End = WaitOutcome::End;
  Interrupt interrupt;
  const auto start = Clock::now();
  const auto since = [](Clock::time_point then) {
    return std::chrono::duration_cast<Millis>(Clock::now() - then);
  };
  std::optional<Clock::time_point> failing_since;
  int misses = 0;
  Verdict verdict;
  const auto end = [&](End how) {
    progress.show(verdict.rows);
    progress.finish();
    return WaitOutcome{how, std::move(verdict), since(start), {}};
  };
  for (;;) {
    const auto picture = picture_via_git(session, goal.revision);
    if (!picture && ++misses >= kMaxMisses) return picture.error();
    if (picture) {
      misses = 0;
      const std::vector<Report> reports = reports_of(*picture);
      verdict = reports.empty() ? nobody() : judge(goal, reports);
    }
    if (verdict.state != Verdict::State::kFailing)
      failing_since.reset();
    else if (!failing_since)
      failing_since = Clock::now();
    if (verdict.state == Verdict::State::kDone && misses == 0) return end(End::kDone);
    if (verdict.state == Verdict::State::kFailed) return end(End::kFailed);
    if (failing_since && since(*failing_since) >= kFailureStays) return end(End::kFailed);
    for (const auto asked = Clock::now(); since(asked) < kAskAgain;) {
      progress.show(verdict.rows);
      if (limit.count() > 0 && since(start) >= limit) return end(End::kTimedOut);
      Millis pause = progress.mode() == Progress::Mode::kLive ? kFrame : kAskAgain;
      if (limit.count() > 0) pause = std::min(pause, limit - since(start) + Millis(1));
      if (interrupt.wait(pause)) return end(End::kInterrupted);
    }
  }
}

}  // namespace controller
