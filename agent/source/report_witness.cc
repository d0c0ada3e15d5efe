#include "agent/source/report_witness.h"

#include <nlohmann/json.hpp>

#include "agent/source/git_outbox.h"

namespace agent {

namespace git = base::git;
using nlohmann::json;
using reconciler::PeerAnswer;
using State = reconciler::PeerAnswer::State;

namespace {

constexpr size_t kMaxReport = 8 << 20;  // bytes

std::string text(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const json& list(const json& object, const char* key) {
  static const json kNone = json::array();
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_array() ? *found : kNone;
}

// Empty: it is ready.
std::string why_not(const json& report, const reconciler::PeerQuestion& question) {
  const std::string& node = question.handover.to.str();
  const std::string revision = text(report, "revision");
  if (revision != question.revision.str())
    return node + " has reported " +
           (revision.empty() ? "no revision" : "commit " + revision.substr(0, 7)) +
           " to the repository, and not " + question.revision.str().substr(0, 7);
  for (const json& service : list(report, "services")) {
    if (text(service, "name") != question.service.str()) continue;
    for (const json& condition : list(service, "conditions"))
      if (text(condition, "type") == "Ready")
        return text(condition, "status") == "True"
                   ? ""
                   : node + " reports " + text(condition, "reason") + ": " +
                         text(condition, "message");
  }
  return node + " does not report " + question.service.str();
}

}  // namespace

base::Result<std::string> ReportWitness::report_of(const reconciler::NodeName& node) const {
  std::error_code failed;
  std::filesystem::remove_all(scratch_, failed);
  MCP_TRY(git::Repository repository, git::Repository::create_bare(scratch_));
  MCP_TRY(const git::Oid commit, git::fetch(repository, remote_, report_ref(node), {}));
  MCP_TRY(const git::Entry entry, repository.find(commit, "status.json"));
  return repository.read(entry.oid, kMaxReport);
}

PeerAnswer ReportWitness::ask(const reconciler::PeerQuestion& question) {
  const std::lock_guard lock(mutex_);
  PeerAnswer answer{.node = question.handover.to, .state = State::kUnknown, .message = ""};
  const auto text = report_of(question.handover.to);
  if (!text) return answer;
  answer.message = why_not(json::parse(*text, nullptr, false), question);
  answer.state = answer.message.empty() ? State::kReady : State::kNotReady;
  return answer;
}

}  // namespace agent
