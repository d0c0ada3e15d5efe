#pragma once

#include <gmock/gmock.h>

#include <mutex>
#include <thread>

#include "agent/api/access.h"
#include "agent/api/api.h"
#include "agent/store/sqlite_store.h"
#include "base/http/client.h"
#include "test/support/fake_documents.h"
#include "test/support/sample_view.h"
#include "test/support/temp_dir.h"

namespace test {

// The daemon behind the API, played by a View that the test sets.
class FakeBackend : public agent::Backend {
 public:
  agent::View view() override {
    const std::lock_guard lock(mutex_);
    return view_;
  }
  int64_t request_sync(bool allow_prune) override {
    const std::lock_guard lock(mutex_);
    prune_allowed_.push_back(allow_prune);
    return view_.source.syncs_done + static_cast<int64_t>(prune_allowed_.size());
  }
  void record(reconciler::Event event) override {
    const std::lock_guard lock(mutex_);
    recorded_.push_back(std::move(event));
  }
  agent::RuntimeDocuments& documents() override { return documents_; }
  base::Result<> accept(
      const std::map<reconciler::ComponentKey, reconciler::Adoption>& adoptions) override {
    const std::lock_guard lock(mutex_);
    accepted_ = adoptions;
    return {};
  }
  base::Result<> logs(const reconciler::ContainerId& container, const agent::LogOptions& options,
                      const std::function<bool(std::string_view)>& sink) override {
    {
      const std::lock_guard lock(mutex_);
      logged_ = {container, options};
    }
    for (const std::string& line : log_)
      if (!sink(line)) return {};
    // The runtime's client calls with nothing while nothing comes.
    while (options.follow && sink("")) std::this_thread::yield();
    return log_result_;
  }

  void set(agent::View view) {
    const std::lock_guard lock(mutex_);
    view_ = std::move(view);
  }
  std::vector<bool> prune_allowed() {
    const std::lock_guard lock(mutex_);
    return prune_allowed_;
  }
  std::vector<reconciler::Event> recorded() {
    const std::lock_guard lock(mutex_);
    return recorded_;
  }
  std::map<reconciler::ComponentKey, reconciler::Adoption> accepted() {
    const std::lock_guard lock(mutex_);
    return accepted_;
  }
  std::pair<reconciler::ContainerId, agent::LogOptions> logged() {
    const std::lock_guard lock(mutex_);
    return logged_;
  }
  FakeDocuments documents_;
  // Before the first call that asks for them.
  std::vector<std::string> log_ = {"listening on :8080\n", "GET /healthz 200\n"};
  base::Result<> log_result_;

 private:
  std::mutex mutex_;
  agent::View view_ = sample_view();
  std::vector<bool> prune_allowed_;
  std::vector<reconciler::Event> recorded_;
  std::map<reconciler::ComponentKey, reconciler::Adoption> accepted_;
  std::pair<reconciler::ContainerId, agent::LogOptions> logged_;
};

// The API on a real Unix socket, with a real registry and sample_view().
class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = agent::SqliteStore::open(folder_ / "mcp.db");
    ASSERT_TRUE(store) << store.error().text();
    store_ = std::move(*store);
    auto events = store_->event_log();
    ASSERT_TRUE(events) << events.error().text();
    events_ = std::move(*events);
    server_ = std::make_unique<base::HttpServer>(
        agent::api_options({.socket = folder_ / "agent.sock"}, "v0.1.0", access_));
    agent::add_api(*server_, {.backend = backend_,
                              .events = *events_,
                              .version = "v0.1.0",
                              .data_root = folder_ / "data",
                              .max_file_bytes = 1 << 20,
                              .examine = [] { return findings(); }});
    const auto started = server_->start();
    ASSERT_TRUE(started) << started.error().text();
    client_ =
        std::make_unique<base::HttpClient>(base::HttpAddress::unix_socket(folder_ / "agent.sock"));
  }

  static std::vector<agent::Finding> findings() {
    using Level = agent::Finding::Level;
    return {{Level::kOk, "podman", "podman 4.3.1 answers"},
            {Level::kError, "linger",
             "user mcp does not linger: systemd ends its containers when its last session ends",
             "loginctl enable-linger mcp"}};
  }

  base::HttpResponse call(const std::string& method, const std::string& target,
                          const std::string& body = {}) {
    auto response = client_->request({.method = method, .target = target, .body = body});
    EXPECT_TRUE(response) << target << ": " << response.error().text();
    return response ? *response : base::HttpResponse{.status = 0};
  }
  base::HttpResponse get(const std::string& target) { return call("GET", target); }

  void commit(std::vector<reconciler::Event> events,
              std::vector<reconciler::RolloutRecord> rollouts = {}) {
    const auto done =
        store_->commit({.events = std::move(events), .rollouts = std::move(rollouts)});
    EXPECT_TRUE(done) << done.error().text();
  }

  static reconciler::Event event(const std::string& service, const std::string& reason) {
    return {.time = *base::parse_rfc3339(kSampleTime),
            .service = reconciler::ServiceName(service),
            .reason = reason,
            .message = reason + " it"};
  }

  const TempDir folder_;
  FakeBackend backend_;
  agent::Access access_{nullptr,
                        [this](reconciler::Event event) { backend_.record(std::move(event)); }};
  std::unique_ptr<agent::SqliteStore> store_;
  std::unique_ptr<agent::EventLog> events_;
  std::unique_ptr<base::HttpServer> server_;
  std::unique_ptr<base::HttpClient> client_;
};

}  // namespace test
