#include "agent/adopt/candidates.h"

#include <algorithm>

#include "agent/adopt/json.h"
#include "base/core/text.h"

namespace agent {
namespace {

constexpr size_t kLongestLabel = 63;

// A DNS label out of what somebody called it; empty: nothing is left.
std::string label_of(const std::string& text) {
  std::string out;
  for (const char c : base::lower(text)) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (fits)
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  out.resize(std::min(out.size(), kLongestLabel));
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

// "web_1" and "web-1" of compose are "web"; the number alone is nothing.
std::string without_number(std::string text) {
  const size_t at = text.find_last_not_of("0123456789");
  if (at == std::string::npos) return "";
  if (at + 1 < text.size() && (text[at] == '_' || text[at] == '-')) text.resize(at);
  return text;
}

// What stands after the service's name; none: the name is another. "web" and "web-api" are of web,
// "webshop" is not.
std::optional<std::string> rest_of(const std::string& name, const std::string& service) {
  if (name == service) return "";
  if (name.size() <= service.size() + 1 || !name.starts_with(service)) return std::nullopt;
  const char c = name[service.size()];
  if (c != '-' && c != '_' && c != '.') return std::nullopt;
  return name.substr(service.size() + 1);
}

std::string unit_name(std::string unit) {
  if (unit.ends_with(".service")) unit.resize(unit.size() - 8);
  // As podman generate systemd calls them.
  for (const char* prefix : {"container-", "pod-"})
    if (unit.starts_with(prefix)) return unit.substr(std::string_view(prefix).size());
  return unit;
}

std::string first_of(const Map& labels, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto found = labels.find(name); found != labels.end()) return found->second;
  return "";
}

enum class Bond { kNone, kByService, kByName };

struct Judged {
  Candidate candidate;
  Bond bond = Bond::kNone;
};

Judged judge(const PodmanJson& container, const std::string& service) {
  Judged out;
  Candidate& one = out.candidate;
  const auto labels = field_of<Map>(container, "Labels");
  const auto names = field_of<Words>(container, "Names");
  one.id = reconciler::ContainerId(container.at("Id").get<std::string>());
  one.name = names.empty() ? one.id.str().substr(0, 12) : names.front();
  one.image_id = field_of<std::string>(container, "ImageID");
  one.started_at = base::TimePoint(std::chrono::seconds(field_of<int64_t>(container, "StartedAt")));
  one.state = field_of<std::string>(container, "State");
  one.pod = field_of<std::string>(container, "PodName");
  one.unit = unit_of(labels);
  one.project = first_of(labels, {"com.docker.compose.project", "io.podman.compose.project"});
  const std::string part =
      first_of(labels, {"com.docker.compose.service", "io.podman.compose.service"});
  const auto belongs = [&](const std::optional<std::string>& rest) {
    if (!rest) return;
    out.bond = Bond::kByName;
    one.component = label_of(*rest);
  };
  if (!one.project.empty()) {
    if (one.project == service)
      belongs(part.empty() ? without_number(rest_of(one.name, service).value_or(one.name)) : part);
    else if (part == service)
      out.bond = Bond::kByService;
  } else if (!one.pod.empty()) {
    // podman kube play calls the pod of a Deployment so.
    if (one.pod == service || one.pod == service + "-pod")
      belongs(rest_of(one.name, one.pod).value_or(one.name));
  } else if (!one.unit.empty()) {
    belongs(rest_of(unit_name(one.unit), service));
  } else {
    const auto rest = rest_of(one.name, service);
    belongs(rest ? std::optional(without_number(*rest)) : rest);
  }
  if (one.component.empty()) one.component = service;
  return out;
}

void make_unique(std::vector<Candidate>& candidates) {
  std::set<std::string> taken;
  for (Candidate& one : candidates) {
    const std::string wanted = one.component;
    for (int i = 2; !taken.insert(one.component).second; ++i)
      one.component = wanted + "-" + std::to_string(i);
  }
}

}  // namespace

base::Result<Candidates> find_candidates(const std::string& list, const std::string& service,
                                         const std::set<reconciler::ContainerId>& ours) {
  std::vector<Judged> all;
  try {
    const PodmanJson parsed = PodmanJson::parse(list);
    for (const PodmanJson& container : parsed)
      if (!field_of<bool>(container, "IsInfra")) all.push_back(judge(container, service));
  } catch (const PodmanJson::exception& error) {
    return base::make_error(
        base::Code::kCorrupt,
        std::string("cannot read podman's list of containers: ") + error.what());
  }
  std::erase_if(all, [&](const Judged& one) { return ours.contains(one.candidate.id); });
  std::sort(all.begin(), all.end(),
            [](const Judged& a, const Judged& b) { return a.candidate.name < b.candidate.name; });
  Bond strongest = Bond::kNone;
  for (const Judged& one : all) strongest = std::max(strongest, one.bond);
  Candidates out;
  for (Judged& one : all) {
    if (one.bond != Bond::kNone && one.bond == strongest)
      out.found.push_back(std::move(one.candidate));
    else
      out.others.push_back(one.candidate.name);
  }
  make_unique(out.found);
  return out;
}

}  // namespace agent
