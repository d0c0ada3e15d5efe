#include "base/log/log.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/process/process.h"
#include "test/support/temp_dir.h"

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

TEST(Log, EveryByteGivesJson) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& text : {all, std::string("\xc3"), std::string("a\xed\xa0\x80z")}) {
    const std::string line =
        written(Level::kInfo, Format::kJson, Level::kInfo, text, {{"cause", text}});
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
}

// The journal's stream is known by its device and inode; here it is a file.
TEST(Log, LinesForTheJournalBeginWithTheirPriority) {
  const test::TempDir dir;
  for (const bool redirected : {false, true}) {
    const auto done = base::run_command(
        {{"sh", "-c",
          "exec 2>" + (dir / "stderr") + "; JOURNAL_STREAM=" +
              (redirected ? std::string("1:1") : "$(stat -c %d:%i " + (dir / "stderr") + ")") +
              " exec \"$0\" --gtest_filter=Log.WritesALine",
          "/proc/" + std::to_string(::getpid()) + "/exe"}},
        "", std::chrono::seconds(30));
    ASSERT_TRUE(done && done->ok());
    std::ifstream file(dir / "stderr");
    std::string line;
    std::getline(file, line);
    EXPECT_EQ(line.starts_with("<4>"), !redirected) << line;
  }
}

// What the test before runs in a process of its own.
TEST(Log, WritesALine) {
  configure(Level::kInfo, Format::kText);
  warning("here");
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
