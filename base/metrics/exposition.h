#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metrics/metrics.h"

namespace base::metrics {

enum class Format {
  kText,         // Prometheus text 0.0.4
  kOpenMetrics,  // https://prometheus.io/docs/specs/om/open_metrics_spec/
};
// What an Accept header asks for: OpenMetrics when it names that, which Prometheus does.
Format format_for(std::string_view accept);
std::string_view content_type(Format format);

// Writes metrics as text, one family after another: first what it is, then its samples. Names are
// given as Prometheus shows them: a counter's ends in _total.
class Exposition {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  explicit Exposition(Format format) : format_(format) {}

  void gauge(std::string_view name, std::string_view help);
  void counter(std::string_view name, std::string_view help);
  void histogram(std::string_view name, std::string_view help);

  // Of the family that was begun last.
  void sample(const Labels& labels, int64_t value);
  void sample(const Labels& labels, double value);
  void sample(const Labels& labels, const Counter& counter);
  void sample(const Labels& labels, const Histogram& histogram);

  // A family of one sample without labels.
  template <class Value>
  void gauge(std::string_view name, std::string_view help, Value value) {
    gauge(name, help);
    sample({}, value);
  }

  std::string text() &&;

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);
  void line(std::string_view suffix, const Labels& labels, const std::string& value);

  const Format format_;
  std::string name_;
  std::string out_;
};

// process_* as every Prometheus client has them: processor time, memory, file descriptors, threads,
// start (proc(5)). What cannot be read is left out.
void add_process(Exposition& out);

}  // namespace base::metrics
