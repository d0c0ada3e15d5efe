#include "generate.h"

#include <rapidcheck.h>

#include <array>
#include <sstream>

#include "base/core/text.h"
#include "crds/codec/scalar.h"
#include "crds/quote.h"

namespace crds::test {
namespace {

std::string one_of(std::initializer_list<const char*> choices) {
  return *(choices.begin() + pick(static_cast<int>(choices.size())));
}

std::string label() {
  return one_of({"a", "web", "x-1", "0", "rift", "true", "null", "1e3"});
}

// Free text with everything that quoting has to survive.
std::string text() {
  std::string out;
  for (int i = pick(4); i > 0; --i)
    out += one_of({"a", " ", "\"", "'", "\\", "\n", "#", ": ", "\t", "[", "}", "\xC3\xA4", ",",
                   "\xF0\x9F\x90\xB3", "=", "- ", "\x1B", "%", "true"});
  return out;
}

base::Millis duration() {
  return base::Millis(pick(3) * 3'600'000L + pick(100'000));
}

std::string image() {
  return one_of({"a", "registry.example.net:5000/team/web:v1.0.0", "localhost/x__y:1",
                 "[::1]:5000/a@sha256:0123456789abcdef0123456789abcdef", "a/b/c"});
}

Labels labels() {
  Labels out;
  for (int i = pick(3); i > 0; --i) out[one_of({"a", "a.b/c", "0", "true", "X_y"})] = text();
  return out;
}

Health health(const Component& component) {
  Health out;
  switch (pick(3)) {
    case 0:
      out.check = TcpCheck{};
      break;
    case 1:
      out.check = HttpCheck{one_of({"/", "/healthz?a=\"b\"#c"})};
      break;
    default:
      out.check = CmdCheck{{text(), text()}};
  }
  out.port = component.routes.empty() || component.routes[0].name.empty()
                 ? "80"
                 : component.routes[0].name;
  out.interval = duration();
  out.timeout = duration();
  out.retries = 1 + pick(5);
  out.start_period = duration();
  return out;
}

Route route(int index) {
  Route out;
  if (index > 0 || pick(2) == 1) out.name = "r" + std::to_string(index);
  out.port = static_cast<uint16_t>(1 + pick(65535));
  out.mode = pick(2) == 0 ? Route::Mode::kL4 : Route::Mode::kL7;
  out.hostname = one_of({"", "a.example.net", "x"});
  out.target_port = static_cast<uint16_t>(pick(65536));
  if (pick(2) == 1) out.backend_tls = pick(2) == 1;
  if (pick(2) == 1) {
    using Protocol = Route::Protocol;
    out.backend_protocol = out.mode == Route::Mode::kL4
                               ? Protocol::kTls
                               : std::array{Protocol::kH1, Protocol::kH2c, Protocol::kTls}[pick(3)];
    if (out.backend_tls) out.backend_tls = out.backend_protocol == Protocol::kTls;
  }
  if (pick(3) == 1) out.edge = label();
  return out;
}

PortMapping port() {
  PortMapping out;
  out.host_ip = one_of({"", "127.0.0.1", "::1"});
  out.host_port = static_cast<uint16_t>(pick(2) * pick(65536));
  out.container_port = static_cast<uint16_t>(1 + pick(65535));
  out.protocol = one_of({"tcp", "udp", "sctp"});
  return out;
}

Component component(int index) {
  Component out;
  out.name = ComponentName("c" + std::to_string(index));
  if (pick(3) > 0) out.image = image();
  out.network = one_of({"", "mcpnet"});
  out.user = one_of({"", "0:0", "root", "1000"});
  if (pick(2) == 1) {
    out.restart.emplace();
    out.restart->policy = static_cast<Restart::Policy>(pick(4));
    if (out.restart->policy == Restart::Policy::kOnFailure && pick(2) == 1)
      out.restart->max_retries = 1 + pick(9);
  }
  for (int i = pick(3); i > 0; --i) out.ports.push_back(port());
  for (int i = pick(3); i > 0; --i) {
    Volume& volume = out.volumes.emplace_back();
    volume.source = one_of({"/srv/a b", "cache", "/srv/\xC3\xA4'\"\\"});
    volume.target = "/t" + std::to_string(i);
    if (pick(2) == 1) volume.options = {"ro", "z"};
  }
  for (int i = pick(3); i > 0; --i) out.cmd.push_back(text());
  for (int i = pick(3); i > 0; --i)
    out.env["K" + std::to_string(i) + one_of({"", " .", "\""})] = text();
  for (int i = pick(2); i > 0; --i) out.secrets.push_back({"pw", one_of({"env:PW", "/run/pw"})});
  out.memory_bytes = static_cast<uint64_t>(pick(5000)) << (10 * pick(4));
  out.cpus = pick(500) / 100.0;
  out.privileged = pick(4) == 1;
  if (pick(3) == 1) out.cap_add = {"NET_ADMIN", "SYS_TIME"};
  if (pick(3) == 1) out.cap_drop = {"ALL"};
  if (pick(3) == 1)
    out.devices.push_back({"/dev/a", one_of({"/dev/a", "/dev/b"}), one_of({"rwm", "r"})});
  if (pick(2) == 1) out.stop_timeout = duration();
  if (index > 0 && pick(2) == 1) out.depends_on = {ComponentName("c0")};
  out.strategy = pick(3) == 1 ? Strategy::kRecreate : Strategy::kAutomatic;
  if (pick(2) == 1)
    out.rollout = {base::Millis(pick(600'001)), base::Millis(pick(600'001)),
                   std::chrono::seconds(pick(301))};
  for (int i = 0, count = pick(3); i < count; ++i) out.routes.push_back(route(i));
  if (pick(2) == 1) out.health = health(out);
  return out;
}

bool is_plain(const std::string& text) {
  if (text.empty() || plain_scalar(text).type != Value::Type::kString) return false;
  return std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
             "0123456789-./_") == std::string::npos;
}

std::string yaml_string(const std::string& text) {
  if (is_plain(text) && pick(2) == 0) return text;
  if (text.find_first_of("\n\t'\x1B") == std::string::npos && pick(2) == 0) return "'" + text + "'";
  return in_quotes(text);
}

std::string noise() {
  return pick(4) == 1 ? " # " + one_of({"x", "active: true", "'\""}) : "";
}

class YamlWriter {
 public:
  // A value behind its key or dash.
  void value(const Value& value, int indent) {
    const bool empty = value.items.empty() && value.members.empty();
    const bool container = value.type == Value::Type::kArray || value.type == Value::Type::kTable;
    if (!container || empty || pick(3) == 0) {
      out_ += " " + flow(value) + noise() + "\n";
    } else {
      out_ += noise() + "\n";
      value.type == Value::Type::kTable ? block_table(value, indent) : block_list(value, indent);
    }
  }

  void key(const std::string& name, int indent) {
    if (pick(5) == 1) out_ += one_of({"\n", "# x\n", "      # y\n"});
    out_ += std::string(indent, ' ') + name + ":";
  }

  std::string take() { return std::move(out_); }

 private:
  static std::string scalar(const Value& value) {
    if (value.type == Value::Type::kBool) return value.boolean ? "true" : "false";
    if (value.type == Value::Type::kInteger) return std::to_string(value.integer);
    if (value.type == Value::Type::kString) return yaml_string(value.text);
    if (value.type == Value::Type::kTime) return value.text;
    std::ostringstream out;
    out << value.number;
    return out.str();
  }

  static std::string flow(const Value& value) {
    std::string out;
    if (value.type == Value::Type::kArray) {
      for (const Value& item : value.items) out += (out.empty() ? "" : ", ") + flow(item);
      return "[" + out + "]";
    }
    if (value.type != Value::Type::kTable) return scalar(value);
    for (const Member& member : value.members)
      out += (out.empty() ? "" : ", ") + yaml_string(member.key) + ": " + flow(member.value);
    return "{" + out + "}";
  }

  void block_table(const Value& value, int indent) {
    for (const Member& member : value.members) {
      key(yaml_string(member.key), indent + 2);
      this->value(member.value, indent + 2);
    }
  }

  void block_list(const Value& value, int indent) {
    for (const Value& item : value.items) {
      if (item.type == Value::Type::kTable && !item.members.empty() && pick(2) == 0) {
        // The first key behind the dash.
        std::string before = std::exchange(out_, {});
        block_table(item, indent + 2);
        const size_t first = out_.find_first_not_of(' ');
        const bool direct = first == static_cast<size_t>(indent + 4);
        out_ = before + std::string(indent + 2, ' ') +
               (direct ? "- " + out_.substr(first) : "-\n" + out_);
      } else {
        out_ += std::string(indent + 2, ' ') + "-";
        this->value(item, indent + 2);
      }
    }
  }

  std::string out_;
};

}  // namespace

int pick(int limit) {
  return *rc::gen::inRange(0, limit);
}

Service any_service() {
  Service out;
  out.name = ServiceName(one_of({"web", "a", "true", "0"}));
  out.labels = labels();
  out.annotations = labels();
  if (pick(2) == 1)
    out.node = NodeName(label());
  else
    out.placement = labels();
  out.active = pick(2) == 0;
  out.version = one_of({"", "v1", "1.10", "true", "1e3"});
  if (pick(2) == 1) out.depends_on = {ServiceName("db"), ServiceName("null")};
  if (pick(2) == 1) out.restarted_at = base::TimePoint(base::Millis(pick(2'000'000'000) * 1'000L));
  if (pick(4) == 1) out.heal_drift = pick(2) == 1;
  out.path = pick(2) == 0 ? "" : "p" + text();
  if (pick(3) == 1) out.build_images = {{"web", "Dockerfile"}, {"a b", "x/Dockerfile"}};
  for (int i = 0, count = 1 + pick(3); i < count; ++i) out.components.push_back(component(i));
  return out;
}

std::string any_yaml(const std::string& toml) {
  const Value root = parse_toml("x.toml", toml).documents.front();
  Value metadata, spec;
  metadata.type = spec.type = Value::Type::kTable;
  for (const Member& member : root.members) {
    const bool is_metadata =
        member.key == "name" || member.key == "labels" || member.key == "annotations";
    (is_metadata ? metadata : spec).members.push_back(member);
  }
  YamlWriter writer;
  writer.key("apiVersion", 0);
  Value text;
  text.type = Value::Type::kString;
  text.text = "mcp.metacircular.net/v1";
  writer.value(text, 0);
  writer.key("kind", 0);
  text.text = "Service";
  writer.value(text, 0);
  writer.key("metadata", 0);
  writer.value(metadata, 0);
  writer.key("spec", 0);
  writer.value(spec, 0);
  return writer.take();
}

std::string with_noise(const std::string& toml) {
  std::string out;
  for (const std::string& line : base::split(toml, '\n')) {
    if (pick(6) == 1) out += one_of({"\n", "# x\n", "\t# active = true\n", "  \n"});
    out += line + (pick(6) == 1 && !line.empty() ? "\t # x" : "") + "\n";
  }
  return out;
}

}  // namespace crds::test
