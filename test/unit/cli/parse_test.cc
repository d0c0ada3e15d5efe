#include "controller/cli/parse.h"

#include <gmock/gmock.h>

#include "controller/cli/commands/commands.h"
#include "controller/cli/run.h"

namespace controller {
namespace {

using testing::HasSubstr;

struct Values {
  std::string service;
  std::optional<std::string> version;
  std::optional<int> tail;
  bool wait = true;
};

std::vector<Command> sample(Values& values) {
  Command deploy{.name = "deploy", .summary = "Deploy", .example = "mcp deploy web"};
  deploy.arguments = {{"SERVICE", &values.service, "what", Complete::kService}};
  deploy.flags = {{"--version", &values.version, "V", "the version"},
                  {"-n,--tail", &values.tail, "N", "lines"},
                  {"--wait,!--no-wait", &values.wait, "", "wait"}};
  Command show{.name = "service show", .summary = "Show", .example = "mcp service show web"};
  show.arguments = {{"SERVICE", &values.service, "what", Complete::kService}};
  show.formats = {"github"};
  return {deploy, show};
}

TEST(Parse, FindsTheCommandAndItsValues) {
  struct Case {
    std::vector<std::string> args;
    std::string command;
    std::string output;
    std::optional<std::string> version;
    bool wait;
  };
  for (const Case& one : std::vector<Case>{
           {{"deploy", "web"}, "deploy", "text", {}, true},
           {{"deploy", "web", "--version", "v2"}, "deploy", "text", "v2", true},
           {{"deploy", "--version=v2", "web", "--no-wait"}, "deploy", "text", "v2", false},
           {{"-o", "json", "deploy", "web"}, "deploy", "json", {}, true},
           {{"deploy", "web", "-ojson"}, "deploy", "json", {}, true},
           {{"-o", "yaml", "service", "show", "web"}, "service show", "yaml", {}, true},
           {{"service", "show", "web", "-o", "github"}, "service show", "github", {}, true},
           {{"deploy", "--", "web"}, "deploy", "text", {}, true},
       }) {
    SCOPED_TRACE(testing::PrintToString(one.args));
    Values values;
    const auto commands = sample(values);
    Globals globals;
    const auto parsed = parse(commands, globals, one.args);
    ASSERT_TRUE(parsed) << parsed.error().error.text();
    ASSERT_NE(parsed->command, nullptr);
    EXPECT_EQ(parsed->command->name, one.command);
    EXPECT_EQ(values.service, "web");
    EXPECT_EQ(values.version, one.version);
    EXPECT_EQ(values.wait, one.wait);
    EXPECT_EQ(globals.output, one.output);
  }
}

TEST(Parse, SaysWhatIsWrong) {
  struct Case {
    std::vector<std::string> args;
    std::string text;
  };
  for (const Case& one : std::vector<Case>{
           {{"deplyo", "web"}, "'deplyo' is not a command (did you mean 'mcp deploy'?)"},
           {{"service", "shwo"},
            "'service shwo' is not a command (did you mean 'mcp service show'?)"},
           {{"service"}, "'mcp service' needs a subcommand (one of: show)"},
           {{"deploy"}, "'mcp deploy' needs SERVICE ("},
           {{"deploy", "web", "api"}, "'mcp deploy' does not take 'api'"},
           {{"deploy", "web", "--vesion", "v2"},
            "has no flag '--vesion' (did you mean '--version'?)"},
           {{"deploy", "web", "-n", "x"}, "--tail wants a whole number, not 'x'"},
           {{"deploy", "web", "--timeout", "5"},
            "--timeout wants a duration, not '5' (for example 30s"},
           {{"deploy", "web", "-o", "xml"},
            "'xml' is not an output format of 'mcp deploy' (one of: text"},
           {{"deploy", "web", "-o", "github"}, "'github' is not an output format"},
           {{"deploy", "web", "--version"}, "'mcp deploy': "},
           {{"-q"}, "no command given"},
       }) {
    SCOPED_TRACE(testing::PrintToString(one.args));
    Values values;
    const auto commands = sample(values);
    Globals globals;
    const auto parsed = parse(commands, globals, one.args);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().exit, Exit::kUsage);
    EXPECT_THAT(parsed.error().error.text(), HasSubstr(one.text));
  }
}

TEST(Parse, NodesAreRepeatedOrListed) {
  Values values;
  const auto commands = sample(values);
  Globals globals;
  ASSERT_TRUE(parse(commands, globals, {"deploy", "web", "--node", "a,b", "--node", "c"}));
  EXPECT_THAT(globals.nodes, testing::ElementsAre("a", "b", "c"));
}

TEST(Help, EveryCommandHasAnExampleAndASummary) {
  for (const Command& command : all_commands()) {
    SCOPED_TRACE(command.name);
    EXPECT_FALSE(command.summary.empty());
    EXPECT_FALSE(command.summary.ends_with('.'));
    EXPECT_THAT(command.example, HasSubstr("mcp "));
    Globals globals;
    std::vector<Command> commands = all_commands();
    std::vector<std::string> args = {"--help"};
    std::string word;
    for (const char c : command.name + " ") {
      if (c != ' ') {
        word += c;
        continue;
      }
      args.insert(args.end() - 1, std::exchange(word, ""));
    }
    const auto parsed = parse(commands, globals, args);
    ASSERT_TRUE(parsed);
    EXPECT_THAT(parsed->help, HasSubstr("Example:"));
    EXPECT_THAT(parsed->help, HasSubstr("Usage:\n  mcp " + command.name));
  }
}

struct Finished {
  int exit;
  std::string out;
  std::string err;
};

Finished run_mcp(const std::vector<std::string>& args, Environment environment = {}) {
  std::ostringstream out, err;
  std::istringstream in;
  const Terminal terminal{out, err, in};
  const auto commands = all_commands();
  const int exit = run(commands, args, terminal, environment, "v1-test");
  return {exit, out.str(), err.str()};
}

TEST(Run, PrintsHelpVersionAndErrors) {
  EXPECT_THAT(run_mcp({}).out, HasSubstr("Commands:"));
  EXPECT_THAT(run_mcp({"help", "deploy"}).out, HasSubstr("mcp deploy SERVICE[/COMPONENT]"));
  EXPECT_EQ(run_mcp({"--version"}).out, "mcp v1-test\n");
  const Finished wrong = run_mcp({"statsu"});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_EQ(wrong.err, "error: 'statsu' is not a command (did you mean 'mcp status'?)\n");
  const Finished json = run_mcp({"statsu", "-o", "json"});
  EXPECT_EQ(json.exit, 2);
  EXPECT_THAT(json.err, HasSubstr("\"exitCode\": 2"));
}

}  // namespace
}  // namespace controller
