#include "agent/config/alerts.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "agent/alerts/kinds.h"
#include "base/core/text.h"
#include "base/http/url.h"

namespace agent {
namespace {

using base::Result;
using crds::Value;

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const AlertKind& kind : alert_kinds()) names.emplace_back(kind.name);
  return names;
}

Result<> known_kind(const std::string& name) {
  if (find_kind(name) != nullptr) return {};
  const auto meant = base::nearest(name, kind_names());
  return base::invalid(
      "'" + name + "' is no alert",
      meant ? "did you mean '" + *meant + "'?" : "known: " + base::join(kind_names(), ", "));
}

// Zero is a duration here: at once, or never.
Result<base::Millis> span_of(const Value& value) {
  if (value.type != Value::Type::kString)
    return base::invalid("found " + describe(value) + ", wanted a duration such as \"30s\"");
  return base::parse_duration(value.text);
}

template <auto Member>
Result<> span(Config& config, const Value& value) {
  MCP_TRY(config.alerts.*Member, span_of(value));
  return {};
}

template <auto Member>
Result<> heartbeat_text(Config& config, const Value& value) {
  config.alerts.heartbeat.*Member = value.text;
  return {};
}

Result<> usable_url(const std::string& text) {
  if (text.empty()) return {};
  MCP_CHECK(base::parse_http_url(text));
  return {};
}

Result<> heartbeat_url(Config& config, const Value& value) {
  MCP_CHECK(usable_url(value.text));
  return heartbeat_text<&AlertsOptions::Heartbeat::url>(config, value);
}

Result<> heartbeat_interval(Config& config, const Value& value) {
  MCP_TRY(const base::Millis interval, span_of(value));
  if (interval < std::chrono::seconds(10))
    return base::invalid("'" + value.text + "' is too short", "at least 10s");
  config.alerts.heartbeat.interval = interval;
  return {};
}

Result<> stuck_after(Config& config, const Value& value) {
  MCP_TRY(const base::Millis after, span_of(value));
  // A loop with nothing to do rests for a minute.
  if (after < std::chrono::seconds(90))
    return base::invalid("'" + value.text + "' is too short", "at least 90s");
  config.alerts.stuck_after = after;
  return {};
}

Result<> pending(Config& config, const Value& value) {
  config.alerts.pending.clear();
  for (const crds::Member& member : value.members) {
    const std::string line = "line " + std::to_string(member.key_at.line);
    if (auto known = known_kind(member.key); !known) return known.error().within(line);
    auto span = span_of(member.value);
    if (!span) return span.error().within(line);
    config.alerts.pending[member.key] = *span;
  }
  return {};
}

Result<> disable(Config& config, const Value& value) {
  config.alerts.disabled.clear();
  for (const Value& item : value.items) {
    MCP_CHECK(known_kind(item.text));
    config.alerts.disabled.insert(item.text);
  }
  return {};
}

Result<> certificate_days(Config& config, const Value& value) {
  if (value.integer < 1 || value.integer > 365)
    return base::invalid(std::to_string(value.integer) + " is out of range", "1 to 365");
  config.alerts.causes.certificate_warning = std::chrono::days(value.integer);
  return {};
}

Result<> disk_free_percent(Config& config, const Value& value) {
  if (value.integer < 1 || value.integer > 90)
    return base::invalid(std::to_string(value.integer) + " is out of range", "1 to 90");
  config.alerts.causes.disk_percent_warning = static_cast<int>(value.integer);
  config.alerts.causes.disk_percent_critical =
      std::min(config.alerts.causes.disk_percent_critical, static_cast<int>(value.integer));
  return {};
}

Result<> manual(Config& config, const Value& value) {
  config.alerts.manual = value.text;
  return {};
}

// ---------------------------------------------------------------- receivers

Result<ReceiverOptions::Type> type_of(const std::string& text) {
  using Type = ReceiverOptions::Type;
  for (const Type type : {Type::kWebhook, Type::kAlertmanager, Type::kNtfy, Type::kEmail})
    if (name(type) == text) return type;
  return base::invalid("'" + text + "' is no type of receiver",
                       "webhook, alertmanager, ntfy or email");
}

Result<Severity> severity_of(const std::string& text) {
  for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kCritical})
    if (name(severity) == text) return severity;
  return base::invalid("'" + text + "' is no severity", "info, warning or critical");
}

bool one_line(const std::string& text) {
  return text.find_first_of("\r\n") == std::string::npos;
}

Result<> read_to(const Value& value, ReceiverOptions& receiver) {
  for (const Value& item : value.items) {
    if (item.type != Value::Type::kString || item.text.find('@') == std::string::npos ||
        !one_line(item.text))
      return base::invalid("to is a list of addresses", "to = [\"ops@example.net\"]");
    receiver.to.push_back(item.text);
  }
  return {};
}

Result<> read_member(const crds::Member& member, ReceiverOptions& receiver) {
  if (member.key == "to" && member.value.type == Value::Type::kArray)
    return read_to(member.value, receiver);
  const std::pair<std::string_view, std::string*> texts[] = {
      {"name", &receiver.name},         {"url", &receiver.url},
      {"url_file", &receiver.url_file}, {"secret_file", &receiver.secret_file},
      {"ca_file", &receiver.ca_file},   {"from", &receiver.from},
      {"sendmail", &receiver.sendmail}};
  const auto text = std::find_if(std::begin(texts), std::end(texts),
                                 [&](const auto& one) { return one.first == member.key; });
  const bool special =
      member.key == "type" || member.key == "min_severity" || member.key == "repeat";
  if (text == std::end(texts) && !special && member.key != "to") {
    std::vector<std::string> known = {"type", "min_severity", "repeat", "to"};
    for (const auto& one : texts) known.emplace_back(one.first);
    const auto meant = base::nearest(member.key, known);
    return base::invalid(
        "unknown key '" + member.key + "'",
        meant ? "did you mean '" + *meant + "'?" : "known: " + base::join(known, ", "));
  }
  if (member.value.type != Value::Type::kString)
    return base::invalid(member.key + " is " + describe(member.value) + ", wanted " +
                         (member.key == "to" ? "a list of addresses" : "a string"));
  if (!one_line(member.value.text))
    return base::invalid(member.key + " has several lines", "write it on one");
  if (text != std::end(texts)) *text->second = member.value.text;
  if (member.key == "type") {
    MCP_TRY(receiver.type, type_of(member.value.text));
  } else if (member.key == "min_severity") {
    MCP_TRY(receiver.min_severity, severity_of(member.value.text));
  } else if (member.key == "repeat") {
    MCP_TRY(receiver.repeat, span_of(member.value));
  }
  return {};
}

Result<> complete(const Value& table, ReceiverOptions& receiver) {
  if (table.find("type") == nullptr)
    return base::invalid("a receiver needs a type", "webhook, alertmanager, ntfy or email");
  if (receiver.name.empty()) receiver.name = name(receiver.type);
  if (receiver.type == ReceiverOptions::Type::kEmail) {
    if (receiver.to.empty())
      return base::invalid("email needs somebody to go to", "to = [\"ops@example.net\"]");
    if (!receiver.url.empty() || !receiver.url_file.empty())
      return base::invalid("email has no URL", "sendmail = \"/usr/sbin/sendmail\" sends it");
    return {};
  }
  if (receiver.url.empty() == receiver.url_file.empty())
    return base::invalid(
        "a receiver of type " + std::string(name(receiver.type)) + " needs one of url and url_file",
        "url_file where the URL itself is a secret");
  return usable_url(receiver.url);
}

Result<> receivers(Config& config, const Value& value) {
  config.alerts.receivers.clear();
  for (const Value& table : value.items) {
    ReceiverOptions receiver;
    if (table.type != Value::Type::kTable)
      return base::invalid("found " + describe(table) + ", wanted [[alerts.receivers]]");
    for (const crds::Member& member : table.members)
      if (auto read = read_member(member, receiver); !read)
        return read.error().within("line " + std::to_string(member.key_at.line));
    if (auto whole = complete(table, receiver); !whole)
      return whole.error().within("line " + std::to_string(table.at.line));
    config.alerts.receivers.push_back(std::move(receiver));
  }
  return {};
}

using Heartbeat = AlertsOptions::Heartbeat;
constexpr Key kKeys[] = {
    {"alerts", "receivers", Shape::kTables, receivers},
    {"alerts", "group_wait", Shape::kDuration, span<&AlertsOptions::group>},
    {"alerts", "interval", Shape::kDuration, span<&AlertsOptions::pause>},
    {"alerts", "repeat", Shape::kDuration, span<&AlertsOptions::repeat>},
    {"alerts", "for", Shape::kTable, pending},
    {"alerts", "resolve_after", Shape::kDuration, span<&AlertsOptions::keep>},
    {"alerts", "disable", Shape::kTexts, disable},
    {"alerts", "certificate_days", Shape::kCount, certificate_days},
    {"alerts", "disk_free_percent", Shape::kCount, disk_free_percent},
    {"alerts", "stuck_after", Shape::kDuration, stuck_after},
    {"alerts", "manual", Shape::kText, manual},
    {"alerts.heartbeat", "url", Shape::kText, heartbeat_url},
    {"alerts.heartbeat", "url_file", Shape::kText, heartbeat_text<&Heartbeat::url_file>},
    {"alerts.heartbeat", "ca_file", Shape::kText, heartbeat_text<&Heartbeat::ca_file>},
    {"alerts.heartbeat", "interval", Shape::kDuration, heartbeat_interval},
};

}  // namespace

std::span<const Key> alert_keys() {
  return kKeys;
}

Result<> check_alerts(const Config& config) {
  std::set<std::string> names = {"heartbeat"};
  for (const ReceiverOptions& receiver : config.alerts.receivers)
    if (!names.insert(receiver.name).second)
      return base::invalid("two receivers of [alerts] are named '" + receiver.name + "'",
                           "give each a name of its own: what it was told is kept by it");
  return {};
}

}  // namespace agent
