#include "agent/routes/mc_proxy.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "agent/routes/documents.h"
#include "base/http/client.h"
#include "base/log/log.h"

namespace agent {
namespace {

using base::Code;
using base::Millis;
using base::Result;
using Clock = std::chrono::steady_clock;
using reconciler::ObservedRoute;
using reconciler::RouteKey;
using reconciler::RouteSpec;

constexpr Millis kDeadline{5000};
constexpr Millis kFirstPause{100};
constexpr Millis kLongestPause{500};  // a route that was lost is back within a second
constexpr Millis kPollPause{1000};
// mc-proxy writes at least every ten seconds.
constexpr Millis kSilence{30'000};
constexpr int kNotFound = 404;

}  // namespace

struct McProxy::Impl {
  Impl(std::string socket, std::string cert_dir)
      : client(base::HttpAddress::unix_socket(std::move(socket))), folder(std::move(cert_dir)) {
    if (!folder.empty() && !folder.ends_with('/')) folder += '/';
  }

  base::HttpClient client;
  std::string folder;  // of certificates: empty, or with a slash at its end
  std::mutex mutex;    // of the names
  ListenerNames names;
  std::jthread watcher;

  // Any status but success is an error.
  Result<base::HttpResponse> call(const std::string& doing, base::HttpCall call) {
    call.deadline = kDeadline;
    auto answer = client.request(call);
    if (!answer) {
      base::Error error = answer.error().within(doing);
      if (error.code == Code::kUnavailable)
        error.hint = "is mc-proxy running, and may the agent use its socket?";
      return error;
    }
    if (!answer->ok()) return refusal(*answer, doing);
    return answer;
  }

  // Follows one answer of /v1/watch to its end.
  Result<base::HttpResponse> follow(const std::function<void()>& changed,
                                    const std::stop_token& stop, bool& opened) {
    auto heard = Clock::now();
    bool in_line = false;
    return client.stream(
        {.target = "/v1/watch", .deadline = Millis(0)},
        [&](std::string_view piece) {
          if (piece.empty()) return Clock::now() - heard < kSilence;
          heard = Clock::now();
          bool line = false;
          for (const char c : piece) {
            line |= c == '\n' && in_line;
            in_line = c != '\n';
          }
          if (line) opened = true, changed();
          return true;
        },
        stop);
  }

  void run(const std::function<void()>& changed, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    Millis pause = kFirstPause;
    bool said = false;
    while (!stop.stop_requested()) {
      bool opened = false;
      const auto answer = follow(changed, stop, opened);
      if (stop.stop_requested()) return;
      const bool too_old = answer && answer->status == kNotFound;
      if (too_old && !std::exchange(said, true))
        base::log::warning("mc-proxy at " + client.address().text() +
                           " is too old to tell of changes; its routes are asked for every second");
      if (too_old || opened) changed();
      if (opened) pause = kFirstPause;
      std::unique_lock lock(mutex);
      never.wait_for(lock, stop, too_old ? kPollPause : pause, [] { return false; });
      pause = std::min(pause * 2, kLongestPause);
    }
  }
};

McProxy::McProxy(std::string socket, std::string cert_dir)
    : impl_(std::make_unique<Impl>(std::move(socket), std::move(cert_dir))) {}

McProxy::~McProxy() {
  stop_watching();
}

Result<std::vector<ObservedRoute>> McProxy::list() {
  MCP_TRY(const auto answer,
          impl_->call("cannot list the routes of mc-proxy", {.target = "/v1/routes"}));
  MCP_TRY(auto routes, parse_routes(answer.body));
  ListenerNames names;
  for (ObservedRoute& route : routes) {
    names[route.spec.key] = route.listener;
    if (std::string& file = route.spec.certificate;
        !impl_->folder.empty() && file.starts_with(impl_->folder))
      file.erase(0, impl_->folder.size());
  }
  const std::lock_guard lock(impl_->mutex);
  impl_->names = std::move(names);
  return routes;
}

Result<> McProxy::apply(const std::string& owner, const std::vector<RouteSpec>& upserts,
                        const std::vector<RouteKey>& removes) {
  std::vector<RouteSpec> placed = upserts;
  for (RouteSpec& spec : placed)
    if (!spec.certificate.empty() && spec.certificate.find('/') == std::string::npos)
      spec.certificate = impl_->folder + spec.certificate;
  base::HttpCall call{
      .method = "POST", .target = "/v1/routes:apply", .content_type = "application/json"};
  {
    const std::lock_guard lock(impl_->mutex);
    call.body = apply_body(owner, placed, removes, impl_->names);
  }
  MCP_CHECK(impl_->call("cannot change routes", std::move(call)));
  return {};
}

Result<McProxy::Status> McProxy::status() {
  MCP_TRY(const auto answer,
          impl_->call("cannot ask mc-proxy how it is", {.target = "/v1/status"}));
  return parse_status(answer.body);
}

void McProxy::watch(std::function<void()> changed) {
  impl_->watcher = std::jthread([this, changed = std::move(changed)](const std::stop_token& stop) {
    impl_->run(changed, stop);
  });
}

void McProxy::stop_watching() {
  impl_->watcher.request_stop();
  if (impl_->watcher.joinable()) impl_->watcher.join();
}

}  // namespace agent
