#include "base/metrics/metrics.h"

#include <gmock/gmock.h>

#include <thread>

#include "agent/runtime/api.h"
#include "base/metrics/exposition.h"

namespace base::metrics {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(Histogram, CountsUpToAndWithTheBound) {
  struct Case {
    nanoseconds duration;
    size_t bucket;
  };
  for (const Case& one : {Case{nanoseconds(0), 0},
                          {milliseconds(1), 0},
                          {microseconds(1001), 1},
                          {milliseconds(100), 6},
                          {seconds(600), 17},
                          {seconds(601), 18},
                          {-seconds(1), 0}}) {
    Histogram histogram;
    histogram.observe(one.duration);
    const auto values = histogram.values();
    for (size_t i = 0; i < Histogram::kBuckets; ++i)
      EXPECT_EQ(values.up_to[i], i >= one.bucket ? 1U : 0U) << one.duration.count() << " " << i;
    EXPECT_EQ(values.count(), 1U);
    EXPECT_GE(values.sum, 0);
  }
}

TEST(Histogram, ManyThreadsLoseNothing) {
  Histogram histogram;
  Labelled<Counter> family;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) {
          histogram.observe(milliseconds(2));
          family.with({n % 2 == 0 ? "even" : "odd"}).add();
        }
      });
  }
  EXPECT_EQ(histogram.values().count(), 4000U);
  EXPECT_NEAR(histogram.values().sum, 8, 1e-6);
  std::map<std::string, uint64_t> counted;
  family.each([&](const auto& values, const Counter& one) { counted[values[0]] = one.value(); });
  EXPECT_EQ(counted, (std::map<std::string, uint64_t>{{"even", 2000}, {"odd", 2000}}));
}

std::string sample_text(Format format) {
  Exposition out(format);
  out.gauge("up", "1 while it is.", int64_t{1});
  out.counter("calls_total", "Calls.");
  Counter counter;
  counter.add(3);
  out.sample({{"to", "a \"b\" \\ \n c"}}, counter);
  out.counter("cpu_seconds_total", "Time.");
  out.sample({}, 0.25);
  return std::move(out).text();
}

TEST(Exposition, SaysTheSameInBothFormats) {
  EXPECT_EQ(sample_text(Format::kText),
            "# HELP up 1 while it is.\n# TYPE up gauge\nup 1\n"
            "# HELP calls_total Calls.\n# TYPE calls_total counter\n"
            "calls_total{to=\"a \\\"b\\\" \\\\ \\n c\"} 3\n"
            "# HELP cpu_seconds_total Time.\n# TYPE cpu_seconds_total counter\n"
            "cpu_seconds_total 0.25\n");
  // The family is named without _total there (OpenMetrics 1.0, Counter).
  EXPECT_EQ(sample_text(Format::kOpenMetrics),
            "# HELP up 1 while it is.\n# TYPE up gauge\nup 1\n"
            "# HELP calls Calls.\n# TYPE calls counter\n"
            "calls_total{to=\"a \\\"b\\\" \\\\ \\n c\"} 3\n"
            "# HELP cpu_seconds Time.\n# TYPE cpu_seconds counter\n"
            "cpu_seconds_total 0.25\n# EOF\n");
}

TEST(Exposition, AHistogramHasItsBucketsSumAndCount) {
  Exposition out(Format::kText);
  Histogram histogram;
  histogram.observe(milliseconds(1500));
  out.histogram("call_duration_seconds", "Calls.");
  out.sample({{"call", "list"}}, histogram);
  const std::string text = std::move(out).text();
  for (const char* line : {"call_duration_seconds_bucket{call=\"list\",le=\"0.001\"} 0\n",
                           "call_duration_seconds_bucket{call=\"list\",le=\"1.0\"} 0\n",
                           "call_duration_seconds_bucket{call=\"list\",le=\"2.5\"} 1\n",
                           "call_duration_seconds_bucket{call=\"list\",le=\"600.0\"} 1\n",
                           "call_duration_seconds_bucket{call=\"list\",le=\"+Inf\"} 1\n",
                           "call_duration_seconds_sum{call=\"list\"} 1.5\n",
                           "call_duration_seconds_count{call=\"list\"} 1\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

TEST(Exposition, TheFormatIsWhatTheReaderAccepts) {
  EXPECT_EQ(format_for(""), Format::kText);
  EXPECT_EQ(format_for("text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), Format::kText);
  // As Prometheus 2 asks.
  EXPECT_EQ(format_for("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"),
            Format::kOpenMetrics);
}

TEST(Process, TellsOfItself) {
  Exposition out(Format::kText);
  add_process(out);
  const std::string text = std::move(out).text();
  // It may not have taken a tick of a processor yet.
  EXPECT_THAT(text, HasSubstr("\nprocess_cpu_seconds_total "));
  for (const char* name :
       {"process_resident_memory_bytes", "process_virtual_memory_bytes", "process_threads",
        "process_open_fds", "process_max_fds", "process_start_time_seconds"}) {
    EXPECT_THAT(text, HasSubstr("\n" + std::string(name) + " "));
    EXPECT_THAT(text, Not(HasSubstr("\n" + std::string(name) + " 0\n"))) << "nothing is nothing";
  }
}

TEST(Podman, CallsHaveFewNames) {
  struct Case {
    const char* method;
    const char* path;
    const char* name;
  };
  for (const Case& one : {Case{"GET", "/containers/json", "list"},
                          {"POST", "/containers/create", "create"},
                          {"GET", "/containers/4f2b/json", "inspect"},
                          {"POST", "/containers/4f2b/start", "start"},
                          {"DELETE", "/containers/4f2b", "remove"},
                          {"GET", "/containers/4f2b/logs", "logs"},
                          {"GET", "/containers/4f2b/healthcheck", "healthcheck"},
                          {"POST", "/networks/create", "network_create"},
                          {"POST", "/images/pull", "pull"},
                          {"GET", "/images/4f2b/json", "image_inspect"},
                          {"GET", "/events", "events"}})
    EXPECT_EQ(agent::call_name(one.method, one.path), one.name);
}

}  // namespace
}  // namespace base::metrics
