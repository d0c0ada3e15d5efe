#include "base/log/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

namespace base::log {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger =
      std::make_shared<spdlog::logger>("mcp", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  Format format = Format::kText;
  State() { apply(Level::kInfo); }
  void apply(Level level) {
    logger->set_level(spdlog_level(level));
    logger->flush_on(spdlog::level::trace);
    logger->set_pattern(format == Format::kText
                            ? "%Y-%m-%dT%H:%M:%S.%eZ %l %v"
                            : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                        spdlog::pattern_time_type::utc);
  }
  static spdlog::level::level_enum spdlog_level(Level level) {
    switch (level) {
      case Level::kDebug:
        return spdlog::level::debug;
      case Level::kInfo:
        return spdlog::level::info;
      case Level::kWarning:
        return spdlog::level::warn;
      case Level::kError:
        break;
    }
    return spdlog::level::err;
  }
};

State& state() {
  static State state;
  return state;
}

std::string quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Bare when a shell would read it as one word, else as a JSON string: one record stays one line.
std::string word(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\\' || c == '=')
      return quoted(text);
  return std::string(text);
}

std::string without_line_breaks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n')
      out += "; ";
    else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      out += ' ';
    else
      out += c;
  }
  return out;
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  if (text == "debug") return Level::kDebug;
  if (text == "info") return Level::kInfo;
  if (text == "warning") return Level::kWarning;
  if (text == "error") return Level::kError;
  return invalid("'" + std::string(text) + "' is not a log level", "debug, info, warning or error");
}

Result<Format> parse_format(std::string_view text) {
  if (text == "text") return Format::kText;
  if (text == "json") return Format::kJson;
  return invalid("'" + std::string(text) + "' is not a log format", "text or json");
}

void configure(Level level, Format format) {
  state().format = format;
  state().apply(level);
}

void write(Level level, std::string_view message, Fields fields) {
  State& log = state();
  const auto spdlog_level = State::spdlog_level(level);
  if (!log.logger->should_log(spdlog_level)) return;
  const bool json = log.format == Format::kJson;
  std::string line = json ? "\"message\":" + quoted(message) : without_line_breaks(message);
  for (const Field& field : fields) {
    if (field.value.empty()) continue;
    line += json ? ',' + quoted(field.key) + ':' + quoted(field.value)
                 : ' ' + std::string(field.key) + '=' + word(field.value);
  }
  // As a spdlog::string_view_t it is taken as it is, braces included.
  log.logger->log(spdlog_level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace base::log
