#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "controller/cli/document.h"
#include "controller/cli/progress.h"
#include "controller/cli/table.h"
#include "controller/cli/terminal.h"

namespace controller {
namespace {

TEST(Table, AlignsByWhatIsSeen) {
  Table table({"SERVICE", "STATE"});
  EXPECT_TRUE(table.empty());
  table.add({"web", "\x1b[32mReady\x1b[0m"});
  table.add({"größer-als-alle", "x"});
  EXPECT_EQ(table.text(),
            "SERVICE          STATE\n"
            "web              \x1b[32mReady\x1b[0m\n"
            "größer-als-alle  x\n");
}

TEST(Terminal, ClipsWithoutBreakingCharactersOrColours) {
  EXPECT_EQ(clip("short", 10), "short");
  EXPECT_EQ(clip("grün und blau", 6), "grün …");
  EXPECT_EQ(clip("\x1b[31mred text\x1b[0m", 4), "\x1b[31mred…\x1b[0m");
}

TEST(Yaml, WritesBlocksAndQuotesWhatCouldBeTakenForSomethingElse) {
  const Json value = Json::parse(R"({
    "name": "web", "revision": "1234567", "no": "no", "time": "12:30", "empty": "", "n": 5,
    "ready": true, "none": null, "list": ["a", {"b": 1, "c": ["x"]}], "emptyList": [],
    "emptyMap": {}, "text": "a: b\nc"
  })");
  EXPECT_EQ(to_yaml(value), R"(name: web
revision: "1234567"
"no": "no"
time: "12:30"
empty: ""
"n": 5
ready: true
none: null
list:
- a
- b: 1
  c:
  - x
emptyList: []
emptyMap: {}
text: "a: b\nc"
)");
}

TEST(Json, ReplacesBytesThatAreNotText) {
  EXPECT_EQ(to_json_line(Json{{"line", "a\xff"}}), "{\"line\":\"a\xEF\xBF\xBD\"}\n");
}

TEST(Progress, APipeGetsALineWhenSomethingIsNew) {
  std::ostringstream out, err;
  std::istringstream in;
  const Terminal terminal{out, err, in};
  Progress progress(out, terminal, Progress::Mode::kPlain);
  progress.say("committed 1a2b3c4");
  progress.show({{"web/api", "created", Progress::State::kBusy}});
  progress.show({{"web/api", "created", Progress::State::kBusy}});
  progress.show({{"web/api", "ready", Progress::State::kDone}});
  EXPECT_EQ(out.str(), "committed 1a2b3c4\nweb/api: created\nweb/api: ready\n");
}

TEST(Progress, ATerminalIsDrawnAgainAndQuietSaysNothing) {
  std::ostringstream out, quiet, err;
  std::istringstream in;
  const Terminal terminal{out, err, in};
  Progress live(out, terminal, Progress::Mode::kLive);
  live.show({{"web", "a", Progress::State::kDone}, {"db", "b", Progress::State::kFailed}});
  live.show({{"web", "c", Progress::State::kDone}});
  EXPECT_EQ(out.str(), "✓ web  a\n✗ db   b\n\x1b[2A\r\x1b[J✓ web  c\n");
  Progress silent(quiet, terminal, Progress::Mode::kQuiet);
  silent.say("x");
  silent.show({{"web", "a", Progress::State::kDone}});
  EXPECT_EQ(quiet.str(), "");
}

}  // namespace
}  // namespace controller
