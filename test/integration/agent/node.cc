#include "test/integration/agent/node.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace test {

namespace fs = std::filesystem;
using std::chrono::seconds;

namespace {

std::unique_ptr<PodmanFixture> rootful() {
  auto engine = PodmanFixture::make();
  if (!engine) throw std::runtime_error(engine.error().text());
  return std::move(*engine);
}

}  // namespace

Node::Node(const std::string& more, const std::string& name, const std::string& repository)
    : Node(rootful(), more, name, repository) {}

Node::Node(std::unique_ptr<PodmanFixture> engine, const std::string& more, const std::string& name,
           const std::string& repository)
    : repository_(repository.empty() ? folder_ / "repository" : repository),
      engine_(std::move(engine)),
      agent_program_(MCP_BINARY_DIR "/bin/mcp-agent") {
  become_owner();
  api_ = std::make_unique<base::HttpClient>(base::HttpAddress::unix_socket(folder_ / "agent.sock"));
  std::ofstream(folder_ / "agent.toml")
      << "[node]\nname = \"" << name << "\"\n"
      << "[podman]\nsocket = \"" << engine_->socket() << "\"\nlist_interval = \"5s\"\n"
      << "[api]\nsocket = \"" << (folder_ / "agent.sock") << "\"\n[registry]\npath = \""
      << registry() << "\"\n"
      << "[source]\nurl = \"" << repository_ << "\"\ninterval = \"1s\"\n"
      << more;
  if (!repository.empty()) return;
  fs::create_directories(repository_ + "/services");
  git({"init", "-q", "-b", "main"});
}

Node::~Node() {
  if (agent_) agent_->terminate(seconds(10));
}

// For root, the user of a rootless podman is one that exists in its mount namespace alone.
void Node::become_owner() {
  struct stat socket{};
  ::stat(engine_->socket().c_str(), &socket);
  if (socket.st_uid == ::geteuid()) return;
  const std::string id = std::to_string(socket.st_uid);
  owner_ = {"nsenter", "--mount",       "--target", std::to_string(engine_->service_pid()),
            "setpriv", "--reuid",       id,         "--regid",
            id,        "--clear-groups"};
  // The build folder may be closed to others.
  agent_program_ = folder_ / "mcp-agent";
  fs::copy_file(MCP_BINARY_DIR "/bin/mcp-agent", agent_program_);
  fs::create_directories(repository_ + "/services");
  for (const std::string& path : {folder_.path(), repository_})
    if (::chown(path.c_str(), socket.st_uid, socket.st_uid) != 0)
      throw std::runtime_error("cannot give away " + path);
}

base::Command Node::as_owner(std::vector<std::string> argv) const {
  argv.insert(argv.begin(), owner_.begin(), owner_.end());
  if (owner_.empty()) return {argv};
  return {argv, {{"HOME", folder_.path()}}};
}

void Node::git(const std::vector<std::string>& arguments) {
  base::Command command =
      as_owner({"git", "-C", repository(), "-c", "user.name=t", "-c", "user.email=t@t"});
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const auto done = base::run_command(command, "", seconds(30));
  if (!done || !done->ok())
    throw std::runtime_error(command.text() + ": " + (done ? done->err : done.error().text()));
}

void Node::configure(const std::string& table, const std::string& keys) {
  std::stringstream text;
  text << std::ifstream(config()).rdbuf();
  std::string all = text.str();
  const std::string head = "[" + table + "]\n";
  all.insert(all.find(head) + head.size(), keys);
  std::ofstream(config()) << all;
}

void Node::write(const std::string& path, const std::string& text) {
  const fs::path file = fs::path(repository()) / path;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

void Node::erase(const std::string& path) {
  fs::remove(fs::path(repository()) / path);
}

void Node::commit(const std::string& message) {
  git({"add", "-A"});
  git({"commit", "-q", "--allow-empty", "-m", message});
}

void Node::start_agent() {
  auto child = base::Child::spawn(as_owner({agent_program_, "--config", folder_ / "agent.toml"}),
                                  {.output_file = folder_ / "agent.log"});
  if (!child) throw std::runtime_error(child.error().text());
  agent_ = std::move(*child);
}

void Node::kill_agent() {
  ::kill(agent_->pid(), SIGKILL);
  agent_->wait(seconds(10));
  agent_.reset();
}

int Node::terminate_agent() {
  const int code = agent_->terminate(seconds(20));
  agent_.reset();
  return code;
}

int Node::agent_exit() {
  const auto code = agent_->wait(seconds(30));
  if (!code) throw std::runtime_error("the agent does not end\n" + agent_log());
  agent_.reset();
  return *code;
}

std::string Node::agent_log() const {
  std::stringstream text;
  text << std::ifstream(folder_ / "agent.log").rdbuf();
  return text.str();
}

std::optional<Json> Node::get(const std::string& path) {
  const auto answer = api_->request({.target = path});
  if (!answer || !answer->ok()) return std::nullopt;
  return Json::parse(answer->body);
}

std::vector<std::string> Node::events(const std::string& service, const std::string& reason) {
  std::vector<std::string> messages;
  const auto answer = api_->request({.target = "/v1/events?tail=500&service=" + service});
  if (!answer || !answer->ok()) return messages;
  Json all = Json::parse(answer->body);
  if (all.is_object()) all = Json(all["events"]);
  for (const Json& event : all)
    if (event["reason"] == reason) messages.push_back(event["message"]);
  return messages;
}

Json Node::service(const std::string& name) {
  const auto document = status();
  if (document)
    for (const Json& entry : (*document)["services"])
      if (entry["name"] == name) return entry;
  return nullptr;
}

namespace {

// Of a service or of the whole; empty strings when there is none.
Json ready_condition(const Json& entry) {
  if (!entry.is_null())
    for (const Json& condition : entry["conditions"])
      if (condition["type"] == "Ready") return condition;
  return {{"status", ""}, {"reason", ""}, {"message", ""}};
}

bool says(const Json& condition, const std::string& reason, const std::string& what) {
  const std::string message = condition["message"];
  return condition["reason"] == reason && message.find(what) != std::string::npos;
}

}  // namespace

std::string Node::ready_reason(const std::string& name) {
  return ready_condition(service(name))["reason"];
}

std::string Node::node_reason() {
  return ready_condition(status().value_or(nullptr))["reason"];
}

bool Node::tells(const std::string& name, const std::string& reason, const std::string& what) {
  return says(ready_condition(service(name)), reason, what);
}

bool Node::node_tells(const std::string& reason, const std::string& what) {
  return says(ready_condition(status().value_or(nullptr)), reason, what);
}

bool Node::ready(const std::string& name) {
  return ready_condition(service(name))["status"] == "True";
}

int64_t Node::sync(bool allow_prune) {
  const auto answer = api_->request({.method = "POST",
                                     .target = "/v1/sync",
                                     .body = Json{{"allowPrune", allow_prune}}.dump(),
                                     .content_type = "application/json"});
  if (!answer || answer->status != 202) return -1;
  return Json::parse(answer->body)["id"];
}

void Node::wait(const std::string& what, const std::function<bool()>& condition, int limit) {
  const auto end = std::chrono::steady_clock::now() + seconds(limit);
  while (!condition()) {
    const bool gone = agent_ && agent_->wait(base::Millis(0));
    if (gone || std::chrono::steady_clock::now() > end) {
      const auto document = status();
      throw std::runtime_error("waited for: " + what + "\n" +
                               (document ? document->dump(2) : "no status") +
                               "\n---- agent's log\n" + agent_log());
    }
    ::poll(nullptr, 0, 20);  // between two questions
  }
}

std::string Node::podman(const std::vector<std::string>& arguments) {
  const auto done = engine_->podman(arguments);
  if (!done) throw std::runtime_error(done.error().text());
  std::string out = done->out;
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

std::string Node::page(const std::string& name) {
  const Json entry = service(name);
  // It may have no container when it is asked for.
  const int port =
      entry.is_null() ? 0 : entry.value(Json::json_pointer("/components/0/ports/0/hostPort"), 0);
  if (port == 0) return "";
  base::HttpClient client(base::HttpAddress::tcp("127.0.0.1", static_cast<uint16_t>(port)));
  const auto answer = client.request({});
  return answer ? answer->body : "";
}

std::string Node::container_id(const std::string& name) {
  return podman({"ps", "-aq", "--no-trunc", "--filter", "name=^" + name + "$"});
}

int Node::pid_of(const std::string& name) {
  return std::stoi("0" + podman({"inspect", name, "--format", "{{.State.Pid}}"}));
}

std::string definition(const std::string& name, const std::string& cmd, const std::string& extra) {
  return "name = \"" + name + "\"\n[[components]]\nname = \"main\"\nimage = \"" +
         PodmanFixture::kDemoImage + "\"\nstop_timeout = \"1s\"\ncmd = [\"sh\", \"-c\", '''" + cmd +
         "''']\n" + extra;
}

std::string web_definition(const std::string& name, const std::string& text) {
  return definition(name,
                    "trap 'exit 0' TERM; mkdir -p /www; echo " + text +
                        " > /www/index.html; httpd -f -p $PORT -h /www & wait",
                    "[components.health]\nhttp = \"/\"\ninterval = \"500ms\"\n"
                    "[[components.routes]]\nport = 8443\n");
}

}  // namespace test
