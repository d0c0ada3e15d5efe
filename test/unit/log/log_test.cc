#include "base/log/log.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace base::log {
namespace {

std::string written(Level from, Format format, Level level, std::string_view message,
                    Fields fields) {
  configure(from, format);
  testing::internal::CaptureStderr();
  write(level, message, fields);
  return testing::internal::GetCapturedStderr();
}

TEST(Log, TextIsOneLineWithFields) {
  const std::string line =
      written(Level::kInfo, Format::kText, Level::kWarning, "cannot {start}\nit",
              {{"service", "web"}, {"component", ""}, {"cause", "image: a -> b"}});
  EXPECT_THAT(line, testing::MatchesRegex("....-..-..T..:..:......Z warning cannot .start.; it "
                                          "service=web cause=\"image: a -> b\"\n"));
}

TEST(Log, JsonIsOneObjectALine) {
  const std::string line = written(Level::kInfo, Format::kJson, Level::kError, "a \"b\"\n\xff",
                                   {{"service", "web"}, {"revision", ""}});
  const auto record = nlohmann::json::parse(line);
  EXPECT_EQ(record["level"], "error");
  EXPECT_EQ(record["message"], "a \"b\"\n\xEF\xBF\xBD");
  EXPECT_EQ(record["service"], "web");
  EXPECT_FALSE(record.contains("revision"));
  EXPECT_THAT(record["time"].get<std::string>(), testing::EndsWith("Z"));
}

TEST(Log, BelowTheLevelNothingIsWritten) {
  EXPECT_EQ(written(Level::kWarning, Format::kText, Level::kInfo, "quiet", {}), "");
}

TEST(Log, NamesOfLevelsAndFormats) {
  EXPECT_EQ(*parse_level("debug"), Level::kDebug);
  EXPECT_EQ(*parse_format("json"), Format::kJson);
  EXPECT_FALSE(parse_level("loud"));
  EXPECT_FALSE(parse_format("xml"));
}

}  // namespace
}  // namespace base::log
