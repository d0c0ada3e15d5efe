#include "agent/store/codec.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "agent/store/fields.h"

namespace agent {
namespace {

using json = nlohmann::json;
using namespace std::string_view_literals;

// ---------------------------------------------------------------- enumerations, by name

auto names(base::Code) {
  return std::array{"invalid"sv, "notFound"sv,    "conflict"sv, "unauthenticated"sv,
                    "denied"sv,  "unavailable"sv, "timeout"sv,  "exhausted"sv,
                    "corrupt"sv, "internal"sv};
}
auto names(base::Retry) {
  return std::array{"backOff"sv, "afterChange"sv};
}
auto names(crds::Restart::Policy) {
  return std::array{"no"sv, "on-failure"sv, "always"sv, "unless-stopped"sv};
}
auto names(crds::Route::Mode) {
  return std::array{"l4"sv, "l7"sv};
}
auto names(crds::Route::Protocol) {
  return std::array{"h1"sv, "h2c"sv, "tls"sv};
}
auto names(crds::Strategy) {
  return std::array{"automatic"sv, "rolling"sv, "recreate"sv};
}
auto names(reconciler::Slot) {
  return std::array{"first"sv, "second"sv};
}
auto names(reconciler::StepKind) {
  return std::array{"pullImage"sv, "create"sv, "start"sv, "route"sv, "stop"sv, "remove"sv};
}
auto names(Severity) {
  return std::array{"info"sv, "warning"sv, "critical"sv};
}
auto names(reconciler::Status) {
  return std::array{"true"sv, "false"sv, "unknown"sv};
}

template <class T>
concept Enumeration = std::is_enum_v<T>;
template <class T>
concept Plain = std::is_arithmetic_v<T> || std::same_as<T, std::string>;

// ---------------------------------------------------------------- leaves

template <Plain T>
json encode(const T& value) {
  return value;
}
template <Plain T>
void decode(const json& in, T& value) {
  value = in.get<T>();
}

template <Enumeration T>
json encode(const T& value) {
  return names(value).at(static_cast<size_t>(value));
}
template <Enumeration T>
void decode(const json& in, T& value) {
  const auto known = names(value);
  const auto& text = in.get_ref<const std::string&>();
  const auto found = std::find(known.begin(), known.end(), text);
  if (found == known.end()) throw std::invalid_argument("unknown name '" + text + "'");
  value = static_cast<T>(found - known.begin());
}

template <class Tag>
json encode(const base::Id<Tag>& value) {
  return value.str();
}
template <class Tag>
void decode(const json& in, base::Id<Tag>& value) {
  value = base::Id<Tag>(in.get<std::string>());
}

json encode(const base::Millis& value) {
  return value.count();
}
void decode(const json& in, base::Millis& value) {
  value = base::Millis(in.get<int64_t>());
}
json encode(const base::TimePoint& value) {
  return value.time_since_epoch().count();
}
void decode(const json& in, base::TimePoint& value) {
  value = base::TimePoint(base::Millis(in.get<int64_t>()));
}

// ---------------------------------------------------------------- containers and structs

// All overloads stand before the first body that calls them: the elements of a std:: container
// are found by what is declared here, not by their namespace.
template <class T>
  requires std::is_aggregate_v<T>
json encode(const T& value);
template <class T>
  requires std::is_aggregate_v<T>
void decode(const json& in, T& value);
template <class T>
json encode(const std::optional<T>& value);
template <class T>
void decode(const json& in, std::optional<T>& value);
template <class T>
json encode(const std::vector<T>& value);
template <class T>
void decode(const json& in, std::vector<T>& value);
template <class T>
json encode(const std::set<T>& value);
template <class T>
void decode(const json& in, std::set<T>& value);
template <class Key, class T>
json encode(const std::map<Key, T>& value);
template <class Key, class T>
void decode(const json& in, std::map<Key, T>& value);

using Check = decltype(crds::Health::check);
json encode(const Check& value) {
  return {{"kind", std::array{"http", "tcp", "cmd"}.at(value.index())},
          {"with", std::visit([](const auto& check) { return encode(check); }, value)}};
}
void decode(const json& in, Check& value) {
  const auto& kind = in.at("kind").get_ref<const std::string&>();
  if (kind == "http")
    value = crds::HttpCheck{};
  else if (kind == "tcp")
    value = crds::TcpCheck{};
  else if (kind == "cmd")
    value = crds::CmdCheck{};
  else
    throw std::invalid_argument("unknown check '" + kind + "'");
  std::visit([&](auto& check) { decode(in.at("with"), check); }, value);
}

using Leases = decltype(reconciler::ComponentMemory::leases);
json encode(const Leases& value) {
  json out = json::array();
  for (const auto& [key, port] : value)
    out.push_back({{"slot", encode(key.first)}, {"route", key.second}, {"port", port}});
  return out;
}
void decode(const json& in, Leases& value) {
  for (const json& lease : in) {
    reconciler::Slot slot{};
    decode(lease.at("slot"), slot);
    value[{slot, lease.at("route").get<std::string>()}] = lease.at("port").get<uint16_t>();
  }
}

template <class T>
json encode(const std::optional<T>& value) {
  return value ? encode(*value) : json();
}
template <class T>
void decode(const json& in, std::optional<T>& value) {
  value.reset();
  if (!in.is_null()) decode(in, value.emplace());
}

template <class T>
json encode(const std::vector<T>& value) {
  json out = json::array();
  for (const T& element : value) out.push_back(encode(element));
  return out;
}
template <class T>
void decode(const json& in, std::vector<T>& value) {
  for (const json& element : in) decode(element, value.emplace_back());
}

template <class T>
json encode(const std::set<T>& value) {
  return encode(std::vector<T>(value.begin(), value.end()));
}
template <class T>
void decode(const json& in, std::set<T>& value) {
  std::vector<T> elements;
  decode(in, elements);
  value = std::set<T>(elements.begin(), elements.end());
}

template <class Key, class T>
json encode(const std::map<Key, T>& value) {
  json out = json::object();
  for (const auto& [key, element] : value)
    out[encode(key).template get<std::string>()] = encode(element);
  return out;
}
template <class Key, class T>
void decode(const json& in, std::map<Key, T>& value) {
  for (const auto& [key, element] : in.items()) decode(element, value[Key(key)]);
}

struct Writer {
  json out = json::object();
  template <class T>
  Writer& operator()(const char* key, const T& member) {
    out[key] = encode(member);
    return *this;
  }
};

struct Reader {
  const json& in;
  template <class T>
  Reader& operator()(const char* key, T& member) {
    if (const auto found = in.find(key); found != in.end()) decode(*found, member);
    return *this;
  }
};

template <class T>
  requires std::is_aggregate_v<T>
json encode(const T& value) {
  Writer writer;
  // fields() serves both directions; a Writer takes its members as const.
  fields(writer, const_cast<T&>(value));
  return std::move(writer.out);
}
template <class T>
  requires std::is_aggregate_v<T>
void decode(const json& in, T& value) {
  if (!in.is_object()) throw std::invalid_argument("not an object");
  Reader reader{in};
  fields(reader, value);
}

template <class T>
std::string text_of(const T& value) {
  // Bytes that are not UTF-8 (of a foreign error message) become U+FFFD.
  return encode(value).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string to_text(const reconciler::ServiceDesired& value) noexcept {
  return text_of(value);
}
std::string to_text(const reconciler::Desired& value) noexcept {
  return text_of(value);
}
std::string to_text(const reconciler::ComponentMemory& value) noexcept {
  return text_of(value);
}
std::string to_text(const reconciler::ServiceMemory& value) noexcept {
  return text_of(value);
}
std::string to_text(const std::vector<reconciler::Condition>& value) noexcept {
  return text_of(value);
}
std::string to_text(const AlertRecord& value) noexcept {
  return text_of(value);
}

template <class Value>
base::Result<Value> from_text(std::string_view text, std::string_view what) {
  try {
    Value value;
    decode(json::parse(text), value);
    return value;
  } catch (const std::exception& failure) {
    return base::make_error(base::Code::kCorrupt, "cannot read " + std::string(what) +
                                                      " in the registry: " + failure.what());
  }
}

template base::Result<reconciler::ServiceDesired> from_text(std::string_view, std::string_view);
template base::Result<reconciler::Desired> from_text(std::string_view, std::string_view);
template base::Result<reconciler::ComponentMemory> from_text(std::string_view, std::string_view);
template base::Result<reconciler::ServiceMemory> from_text(std::string_view, std::string_view);
template base::Result<AlertRecord> from_text(std::string_view, std::string_view);
template base::Result<std::vector<reconciler::Condition>> from_text(std::string_view,
                                                                    std::string_view);

}  // namespace agent
