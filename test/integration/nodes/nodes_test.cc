// Two nodes that share a git repository: two agents with a podman and an mc-proxy each, on two
// addresses of this machine. Clients ask the first node's mc-proxy, which is the edge.
#include <gmock/gmock.h>

#include <thread>

#include "test/integration/agent/node.h"
#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

using testing::HasSubstr;

constexpr char kHost[] = "web.test";
constexpr char kDoor[] = "127.0.0.2";
constexpr char kInner[] = "127.0.0.3";

std::string proxy_table(const Proxy& proxy) {
  return "[mcproxy]\nsocket = \"" + (proxy.dir() / "api.sock") + "\"\n";
}

class NodesTest : public testing::Test {
 protected:
  NodesTest()
      : door_proxy_({.address = kDoor}),
        inner_proxy_({.proxy_protocol = true, .address = kInner, .port = door_proxy_.port()}),
        door_(proxy_table(door_proxy_), "door"),
        inner_(proxy_table(inner_proxy_), "inner", door_.repository()) {
    door_.write("nodes/door.toml", file("door", kDoor, door_));
    door_.write("nodes/inner.toml", file("inner", kInner, inner_) + "schedulable = false\n");
  }

  // Its page is the name of the container that answers.
  static std::string file(const std::string& name, const std::string& address, const Node& node) {
    return "name = \"" + name + "\"\naddress = \"" + address + "\"\nagent = \"unix://" +
           (node.folder() / "agent.sock") + "\"\n";
  }

  // `node` may be empty: it is placed.
  void push(const std::string& node, const std::string& more = "", const std::string& head = "") {
    std::string text = definition(
        "web",
        "trap 'exit 0' TERM; mkdir -p /www; hostname > /www/index.html; httpd -f -p $PORT -h /www "
        "& wait",
        more +
            "[components.health]\nhttp = \"/\"\ninterval = \"500ms\"\n[[components.routes]]\n"
            "mode = \"l7\"\nhostname = \"" +
            kHost + "\"\nedge = \"door\"\nport = " + std::to_string(door_proxy_.port()) + "\n");
    const std::string where = node.empty() ? "" : "node = \"" + node + "\"\n";
    door_.write("services/web.toml", head + where + text);
    door_.commit("web on " + node);
    for (Node* one : {&door_, &inner_}) one->sync();
  }
  // The command line as an operator has it, on the repository.
  base::Finished mcp(std::vector<std::string> words) {
    words.insert(words.begin(), std::string(MCP_BINARY_DIR) + "/bin/mcp");
    const auto done = base::run_command({words,
                                         {{"MCP_REPO", door_.repository()},
                                          {"MCP_AGENT", ""},
                                          {"MCP_CONFIG", ""},
                                          {"XDG_CONFIG_HOME", door_.folder() / "config"},
                                          {"GIT_AUTHOR_NAME", "t"},
                                          {"GIT_AUTHOR_EMAIL", "t@t"},
                                          {"GIT_COMMITTER_NAME", "t"},
                                          {"GIT_COMMITTER_EMAIL", "t@t"}}},
                                        "", std::chrono::seconds(90));
    if (!done) throw std::runtime_error(done.error().text());
    return *done;
  }
  std::string page() { return door_proxy_.curl(kHost, {"-k"}).out; }
  static std::string container(Node& node) {
    const std::string id = node.container_id("web.main");
    return id.empty() ? "" : id.substr(0, 12) + "\n";
  }

  Proxy door_proxy_;
  Proxy inner_proxy_;
  Node door_;
  Node inner_;
};

// Clients of the edge, without a pause.
class Clients {
 public:
  explicit Clients(Proxy& proxy)
      : thread_([this, &proxy](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            const Output answer = proxy.curl(kHost, {"-k", "--fail"});
            ++asked_;
            if (answer.code != 0) failures_ += answer.err;
          }
        }) {}
  void finish() {
    thread_.request_stop();
    thread_.join();
    EXPECT_GT(asked_, 10);
    EXPECT_EQ(failures_, "");
  }

 private:
  int asked_ = 0;
  std::string failures_;
  std::jthread thread_;  // last: it uses the others
};

TEST_F(NodesTest, ANameAtTheEdgeFollowsItsServiceAndLosesNoRequest) {
  push("door");
  door_.start_agent();
  inner_.start_agent();
  door_.wait("the edge's own container answers",
             [&] { return !page().empty() && page() == container(door_); });
  Clients clients(door_proxy_);

  push("inner");
  inner_.wait("the other node has it", [&] { return inner_.ready("web"); });
  door_.wait("the name leads there", [&] { return page() == container(inner_); });
  door_.wait("the edge has let go of it",
             [&] { return container(door_).empty() && door_.service("web").is_null(); });
  EXPECT_EQ(door_proxy_.route(kHost)["backend"],
            std::string(kInner) + ":" + std::to_string(door_proxy_.port()));
  EXPECT_THAT(door_.agent_log(), HasSubstr("HandingOver"));

  // Back again. What tells the inner node how the door stands would be the inner node itself: it
  // waits, and ends at the operator's word.
  push("door");
  door_.wait("the name leads to the container beside it",
             [&] { return door_.ready("web") && page() == container(door_); });
  inner_.wait("the inner node waits", [&] { return inner_.ready_reason("web") == "HandingOver"; });
  inner_.sync(true);
  inner_.wait("it has let go", [&] { return container(inner_).empty(); });
  EXPECT_EQ(page(), container(door_));
  clients.finish();
}

TEST_F(NodesTest, ADrainedNodeIsEmptyWhenTheCommandEnds) {
  push("");
  door_.start_agent();
  inner_.start_agent();
  door_.wait("it is placed on the one that takes services",
             [&] { return !page().empty() && page() == container(door_); });
  Clients clients(door_proxy_);
  const auto uncordoned = mcp({"node", "uncordon", "inner"});
  EXPECT_EQ(uncordoned.exit_code, 0) << uncordoned.err;
  const auto drained = mcp({"node", "drain", "door"});
  EXPECT_EQ(drained.exit_code, 0) << drained.out << drained.err;
  EXPECT_THAT(drained.out, HasSubstr("node door is drained"));
  EXPECT_EQ(page(), container(inner_));
  EXPECT_TRUE(door_.service("web").is_null());
  const auto nodes = Json::parse(mcp({"node", "list", "-o", "json"}).out)["nodes"];
  ASSERT_EQ(nodes.size(), 2u);
  for (const Json& node : nodes) {
    EXPECT_EQ(node["status"], "Ready") << node.dump();
    EXPECT_EQ(node["schedulable"], node["name"] == "inner");
  }
  clients.finish();
}

TEST_F(NodesTest, ANodeIsRemovedWithWhatIsPlacedThereAtAWord) {
  door_.write("services/job.toml", definition("job", kSleep));
  door_.commit("placed");
  door_.start_agent();
  inner_.start_agent();
  ASSERT_EQ(mcp({"node", "uncordon", "inner"}).exit_code, 0);
  door_.wait("one of them has it", [&] {
    return (door_.ready("job") && inner_.service("job").is_null()) ||
           (inner_.ready("job") && door_.service("job").is_null());
  });
  const bool at_door = door_.ready("job");
  Node &has = at_door ? door_ : inner_, &other = at_door ? inner_ : door_;
  const std::string name = at_door ? "door" : "inner";
  const auto refused = mcp({"node", "remove", name});
  EXPECT_EQ(refused.exit_code, 1) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr("job is placed"));
  EXPECT_TRUE(has.ready("job"));
  const auto removed = mcp({"node", "remove", name, "--force"});
  EXPECT_EQ(removed.exit_code, 0) << removed.err;
  other.wait("the other node has it", [&] { return other.ready("job"); });
  // Without a route and a report nothing tells it how the other one stands.
  has.wait("it waits", [&] { return has.ready_reason("job") == "HandingOver"; });
  const auto word =
      mcp({"--agent", "unix://" + (has.folder() / "agent.sock"), "sync", "--allow-prune"});
  EXPECT_EQ(word.exit_code, 0) << word.err;
  has.wait("it has let go", [&] { return has.container_id("job.main").empty(); });
  EXPECT_TRUE(other.ready("job"));
  EXPECT_THAT(mcp({"node", "list"}).out, testing::Not(HasSubstr(name)));
}

TEST_F(NodesTest, ANodeThatIsDownCostsNothing) {
  push("door");
  door_.start_agent();
  door_.wait("it answers", [&] { return !page().empty() && page() == container(door_); });
  const std::string before = page();
  push("inner");
  door_.wait("the other one is asked", [&] {
    const Json service = door_.service("web");
    return service.dump().find("does not serve it yet") != std::string::npos;
  });
  EXPECT_EQ(page(), before);
  inner_.start_agent();
  door_.wait("it is up, and has it", [&] { return page() == container(inner_); });
}

TEST_F(NodesTest, DataStaysUntilTheOperatorHasMovedIt) {
  const std::string volume = "volumes = [\"web-data:/data\"]\n";
  push("door", volume);
  door_.start_agent();
  inner_.start_agent();
  door_.wait("it answers", [&] { return !page().empty() && page() == container(door_); });
  push("inner", volume);
  inner_.wait("the new node waits", [&] { return inner_.ready_reason("web") == "WaitingForData"; });
  EXPECT_THAT(inner_.service("web").dump(), HasSubstr("its data is on door"));
  EXPECT_EQ(inner_.service("web")["dataOn"], "door");
  EXPECT_EQ(door_.service("web")["goesTo"], "inner");
  EXPECT_TRUE(door_.ready("web"));
  EXPECT_EQ(page(), container(door_));
  EXPECT_EQ(container(inner_), "");

  const auto here = mcp({"start", "web", "--here"});
  EXPECT_EQ(here.exit_code, 0) << here.out << here.err;
  EXPECT_TRUE(inner_.ready("web"));
  door_.wait("and only there",
             [&] { return container(door_).empty() && page() == container(inner_); });
  EXPECT_THAT(door_.podman({"volume", "ls", "-q"}), HasSubstr("web-data"));
}

}  // namespace
}  // namespace test
