#include "controller/cli/describe.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "base/core/text.h"
#include "controller/cli/judge.h"
#include "controller/cli/session.h"

namespace controller {
namespace {

constexpr std::chrono::days kWarnBefore{14};
constexpr size_t kShortMessage = 400;

Colour colour_of(const Word& word) {
  if (word.text == "Ready") return Colour::kGreen;
  if (word.text == "Stalled" || word.text == "Failed") return Colour::kRed;
  return Colour::kYellow;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

std::string since(const Condition* condition, base::TimePoint now) {
  if (condition == nullptr || !condition->since) return "";
  return " for " + age(condition->since, now);
}

std::string source_line(const NodeStatus& node, const Terminal& terminal, base::TimePoint now) {
  const SourceStatus& source = node.source;
  std::string line = "  source   " + source.url + " " + source.branch;
  line +=
      source.last_fetch ? ", fetched " + age(source.last_fetch, now) + " ago" : ", never fetched";
  line += "\n";
  if (!source.last_error.empty())
    line +=
        "           " + terminal.paint(Colour::kRed, "cannot fetch: " + source.last_error) + "\n";
  return line;
}

// Of the services that are shown, and of the node.
std::string alert_lines(const NodeStatus& node, const std::vector<ServiceStatus>& services,
                        const Terminal& terminal, base::TimePoint now) {
  std::string out;
  for (const AlertStatus& alert : node.alerts) {
    const bool shown = std::any_of(services.begin(), services.end(), [&](const auto& service) {
      return service.name == alert.service;
    });
    if (!alert.service.empty() && !shown) continue;
    const Colour colour = alert.severity == "critical" ? Colour::kRed : Colour::kYellow;
    out += "  alert    " + terminal.paint(colour, alert.severity + " " + alert.name) + ": " +
           alert.summary + (alert.since ? ", for " + age(alert.since, now) : "") + "\n";
  }
  for (const std::string& deaf : node.deaf)
    out += "  alerts   " + terminal.paint(Colour::kYellow, "do not reach " + deaf) + "\n";
  return out;
}

std::string certificate_text(const RouteStatus& route, const Terminal& terminal,
                             base::TimePoint now) {
  if (!route.certificate_until) return "";
  const base::Millis left = *route.certificate_until - now;
  if (left <= base::Millis(0)) return ", " + terminal.paint(Colour::kRed, "certificate expired");
  const std::string text = "certificate expires in " + base::short_age(left);
  return ", " + (left < kWarnBefore ? terminal.paint(Colour::kYellow, text) : text);
}

std::string route_line(const RouteStatus& route, bool managed, const Terminal& terminal,
                       base::TimePoint now) {
  const size_t port = route.listener.rfind(':');
  std::string line = "        route " + route.hostname +
                     (port == route.listener.npos ? "" : route.listener.substr(port)) + " " +
                     route.mode;
  if (!managed) return line + "\n";
  if (!route.registered)
    line += " " + terminal.paint(Colour::kYellow, "(not registered)");
  else if (!route.health.empty() && route.health != "unknown")
    line += " " + route.health;
  line += certificate_text(route, terminal, now);
  // What is wrong with a certificate has been said.
  if (!route.problem.empty() && !route.problem.starts_with("the certificate"))
    line += ": " + terminal.paint(Colour::kYellow, route.problem);
  return line + "\n";
}

std::string component_lines(const ComponentStatus& component, bool managed,
                            const Terminal& terminal, base::TimePoint now) {
  std::string line = "      " + component.name + "  " + describe_component(component);
  if (component.state == "running" && component.started_at)
    line += ", up " + age(component.started_at, now);
  if (component.restarts > 0) line += ", restarts " + std::to_string(component.restarts);
  line += "  " + terminal.paint(Colour::kGrey, component.image) + "\n";
  for (const PortStatus& port : component.ports)
    line += "        port " + (port.name.empty() ? "" : port.name + " ") +
            std::to_string(port.host_port) + " -> " + std::to_string(port.container_port) + "\n";
  for (const RouteStatus& route : component.routes)
    line += route_line(route, managed, terminal, now);
  for (const Drift& drift : component.drift)
    line += "        " +
            terminal.paint(Colour::kYellow, "drift " + drift.field + ": expected " +
                                                drift.expected + ", is " + drift.actual) +
            "\n";
  return line;
}

std::string service_lines(const ServiceStatus& service, bool managed, const Terminal& terminal,
                          base::TimePoint now) {
  const Word word = word_of(service);
  std::string line = "  " + terminal.paint(colour_of(word), upper(word.text)) + "  " +
                     terminal.paint(Colour::kBold, service.name);
  if (!service.active) line += " (inactive)";
  line += "  " + short_revision(service.revision) + since(word.condition, now) + "\n";
  if (service.suspended)
    line += "      " + terminal.paint(Colour::kYellow, how_long(*service.suspended, now)) + "\n";
  const Condition* condition = word.condition;
  if (condition != nullptr &&
      (word.text != "Ready" || condition->reason == "Stopped" || !service.goes_to.empty()))
    line += "      " + condition->reason +
            (condition->message.empty() ? "" : ": " + condition->message) + "\n";
  if (service.hold)
    line += "      " +
            terminal.paint(Colour::kRed,
                           "held: " + service.hold->reason + ": " + service.hold->message) +
            "\n";
  for (const ComponentStatus& component : service.components)
    line += component_lines(component, managed, terminal, now);
  return line;
}

std::string event_subject(const Event& event) {
  if (event.service.empty()) return "node";
  return event.component.empty() ? event.service : event.service + "/" + event.component;
}

std::string shortened(const std::string& text, size_t most) {
  return most == 0 || text.size() <= most ? text : base::utf8_prefix(text, most) + "...";
}

// At most `most` bytes of the message, 0: all.
std::string event_text(const Event& event, const Terminal& terminal, size_t most = 0) {
  std::string text = event.reason;
  if (!event.message.empty() && event.message != event.reason)
    text += ": " + shortened(visible(event.message), most);
  std::string out =
      event_subject(event) + "  " +
      (event.type == "Warning" ? terminal.paint(Colour::kYellow, "Warning " + text) : text);
  if (!event.cause.empty())
    out += terminal.paint(Colour::kGrey, "  [" + visible(event.cause) + "]");
  return out;
}

}  // namespace

std::string visible(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

std::string how_long(const Suspension& suspension, base::TimePoint now) {
  std::string text = "until it is resumed";
  if (suspension.until)
    text = "until " + base::to_rfc3339(*suspension.until) + " (" +
           (*suspension.until > now ? base::short_age(*suspension.until - now) + " left"
                                    : std::string("over")) +
           ")";
  return text + (suspension.reason.empty() ? "" : ": " + visible(suspension.reason));
}

std::string amount(uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %s", value, kUnits[unit]);
  return text;
}

base::TimePoint now() {
  return std::chrono::floor<base::Millis>(std::chrono::system_clock::now());
}

std::string age(const std::optional<base::TimePoint>& then, base::TimePoint now) {
  if (!then) return "";
  return base::short_age(std::max(now - *then, base::Millis(0)));
}

std::string describe_node(const NodeStatus& node, const std::vector<ServiceStatus>& services,
                          const Terminal& terminal, base::TimePoint now) {
  const Word word = summarise(node.conditions);
  std::string out = terminal.paint(Colour::kBold, "NODE " + node.node) + "  " +
                    terminal.paint(colour_of(word), upper(word.text)) + since(word.condition, now) +
                    "\n";
  if (word.condition != nullptr && word.text != "Ready")
    out += "           " + word.condition->reason +
           (word.condition->message.empty() ? "" : ": " + word.condition->message) + "\n";
  out += "  revision " + (node.revision.empty() ? "none yet" : short_revision(node.revision));
  if (!node.last_ready_revision.empty() && node.last_ready_revision != node.revision)
    out += ", last Ready " + short_revision(node.last_ready_revision);
  // A report in the repository does not say where it was fetched from.
  out += "\n" + (node.source.url.empty() ? std::string() : source_line(node, terminal, now));
  const bool managed = node.routes != "not managed";
  if (!managed) out += "  routes   not managed\n";
  if (!node.routes_error.empty())
    out += "  routes   " + terminal.paint(Colour::kRed, "unavailable: " + node.routes_error) + "\n";
  out += alert_lines(node, services, terminal, now);
  if (services.empty())
    out += "  no services\n";
  else
    out += "\n";
  for (const ServiceStatus& service : services)
    out += service_lines(service, managed, terminal, now);
  return out;
}

std::string describe_event(const Event& event, const Terminal& terminal, base::TimePoint now) {
  std::string when = age(event.time, now);
  when.resize(std::max<size_t>(when.size(), 4), ' ');
  return when + " " + event_text(event, terminal, kShortMessage) + "\n";
}

std::string event_line(const Event& event, const Terminal& terminal) {
  return (event.time ? base::to_rfc3339(*event.time) : "-") + "  " + event_text(event, terminal) +
         "\n";
}

}  // namespace controller
