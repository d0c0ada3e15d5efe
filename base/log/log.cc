#include "base/log/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

namespace base::log {
namespace {

// Device and inode of standard error are those that the service manager has given out: it has not
// been redirected since.
bool writes_to_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info{};
  return stream != nullptr && ::fstat(STDERR_FILENO, &info) == 0 &&
         stream == std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

// "<4>": the priority of syslog(3) that the level stands for.
class Priority : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const char number = message.level == spdlog::level::debug  ? '7'
                        : message.level == spdlog::level::info ? '6'
                        : message.level == spdlog::level::warn ? '4'
                                                               : '3';
    for (const char c : {'<', number, '>'}) out.push_back(c);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<Priority>();
  }
};

struct State {
  std::shared_ptr<spdlog::logger> logger =
      std::make_shared<spdlog::logger>("mcp", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  Format format = Format::kText;
  const bool journal = writes_to_journal();
  State() { apply(Level::kInfo); }
  void apply(Level level) {
    logger->set_level(spdlog_level(level));
    logger->flush_on(spdlog::level::trace);
    auto pattern = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    pattern->add_flag<Priority>('*').set_pattern(
        std::string(journal ? "%*" : "") +
        (format == Format::kText ? "%Y-%m-%dT%H:%M:%S.%eZ %l %v"
                                 : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"));
    logger->set_formatter(std::move(pattern));
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
