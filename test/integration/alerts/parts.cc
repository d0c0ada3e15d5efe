#include "test/integration/alerts/parts.h"

#include <poll.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace test {

namespace fs = std::filesystem;
using std::chrono::seconds;

namespace {

void must(const std::vector<std::string>& command) {
  const auto done = base::run_command({command}, "", seconds(30));
  if (!done || !done->ok())
    throw std::runtime_error(command.at(0) + ": " + (done ? done->err : done.error().text()));
}

}  // namespace

bool eventually(const std::function<bool()>& condition, int limit) {
  const auto end = std::chrono::steady_clock::now() + seconds(limit);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, 20);  // between two questions
  }
  return true;
}

void make_certificate(const std::string& cert, const std::string& key, int days) {
  must({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", std::to_string(days), "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert});
}

Listener::Listener() {
  make_certificate(folder_ / "cert", folder_ / "key", 2);
  server_ = std::make_unique<base::HttpServer>(base::HttpServerOptions{
      .listen = "127.0.0.1:0", .tls_cert = folder_ / "cert", .tls_key = folder_ / "key"});
  const auto take = [this](const base::HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    if (status_ == 200)
      requests_.push_back(request);
    else
      ++refused_;
    return base::HttpReply::text("answer\n", status_);
  };
  server_->route("POST", "/{rest...}", take);
  server_->route("GET", "/{rest...}", take);
  server_->route("POST", "/", take);
  if (const auto started = server_->start(); !started)
    throw std::runtime_error(started.error().text());
}

std::string Listener::url(const std::string& path) const {
  return "https://localhost:" + std::to_string(server_->port()) + path;
}

void Listener::answer_with(int status) {
  const std::lock_guard lock(mutex_);
  status_ = status;
}

std::vector<base::HttpRequest> Listener::requests(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  std::vector<base::HttpRequest> out;
  for (const base::HttpRequest& request : requests_)
    if (request.path == path) out.push_back(request);
  return out;
}

std::vector<std::string> Listener::told(const std::string& path) const {
  std::vector<std::string> out;
  for (const base::HttpRequest& request : requests(path)) {
    const Json document = Json::parse(request.body);
    for (const Json& alert : document["data"]["alerts"])
      out.push_back(alert["status"].get<std::string>() + " " + alert["key"].get<std::string>());
  }
  return out;
}

size_t Listener::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

Agent::Agent(const std::string& alerts, const std::string& api)
    : api_(base::HttpAddress::unix_socket(folder_ / "agent.sock")) {
  const std::string repository = folder_ / "repository";
  must({"git", "init", "-q", "-b", "main", repository});
  must({"git", "-C", repository, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q",
        "--allow-empty", "-m", "nothing yet"});
  std::ofstream(folder_ / "agent.toml")
      << "[node]\nname = \"rift\"\n[source]\nurl = \"" << repository << "\"\ninterval = \"1s\"\n"
      << "[podman]\nsocket = \"" << (folder_ / "no-podman.sock") << "\"\n"
      << "[api]\nsocket = \"" << (folder_ / "agent.sock") << "\"\n"
      << api << "[registry]\npath = \"" << (folder_ / "state/mcp.db") << "\"\n"
      << alerts;
}

Agent::~Agent() {
  if (process_) process_->terminate(seconds(10));
}

void Agent::start() {
  auto child = base::Child::spawn(
      {{std::string(MCP_BINARY_DIR) + "/bin/mcp-agent", "--config", folder_ / "agent.toml"}},
      {.output_file = folder_ / "agent.log"});
  if (!child) throw std::runtime_error(child.error().text());
  process_ = std::move(*child);
}

void Agent::kill() {
  ::kill(process_->pid(), SIGKILL);
  process_->wait(seconds(10));
  process_.reset();
}

void Agent::take_source() {
  fs::rename(folder_ / "repository", folder_ / "elsewhere");
}

void Agent::give_source() {
  fs::rename(folder_ / "elsewhere", folder_ / "repository");
}

std::optional<Json> Agent::status() {
  const auto answer = api_.request({.target = "/v1/status"});
  if (!answer || !answer->ok()) return std::nullopt;
  return Json::parse(answer->body);
}

std::vector<std::string> Agent::firing() {
  std::vector<std::string> out;
  if (const auto document = status())
    for (const Json& alert : (*document)["alerts"]) out.push_back(alert["alert"]);
  return out;
}

Json Agent::receiver(const std::string& name) {
  if (const auto document = status())
    for (const Json& receiver : (*document)["alertReceivers"])
      if (receiver["name"] == name) return receiver;
  return nullptr;
}

std::string Agent::log() const {
  std::stringstream text;
  text << std::ifstream(folder_ / "agent.log").rdbuf();
  return text.str();
}

base::Finished Agent::run(const std::string& command) {
  auto done = base::run_command({{std::string(MCP_BINARY_DIR) + "/bin/mcp-agent", "--config",
                                  folder_ / "agent.toml", command}},
                                "", seconds(60));
  if (!done) throw std::runtime_error(done.error().text());
  return std::move(*done);
}

}  // namespace test
