#include "base/metrics/exposition.h"

#include <charconv>

namespace base::metrics {
namespace {

constexpr std::string_view kTotal = "_total";

std::string number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return {buffer, end};
}

// As client libraries write it, whole numbers with ".0": OpenMetrics wants that, and a series must
// not change its name with the format.
std::string bound(double value) {
  std::string out = number(value);
  return out.find_first_of(".e") == std::string::npos ? out + ".0" : out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

}  // namespace

Format format_for(std::string_view accept) {
  return accept.find("application/openmetrics-text") == std::string_view::npos
             ? Format::kText
             : Format::kOpenMetrics;
}

std::string_view content_type(Format format) {
  return format == Format::kText ? "text/plain; version=0.0.4; charset=utf-8"
                                 : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  // OpenMetrics names the family without what its sample's name ends in.
  if (format_ == Format::kOpenMetrics && type == "counter")
    name.remove_suffix(name.ends_with(kTotal) ? kTotal.size() : 0);
  const std::string family(name);
  out_ += "# HELP " + family + " " + std::string(help) + "\n# TYPE " + family + " " +
          std::string(type) + "\n";
}

void Exposition::gauge(std::string_view name, std::string_view help) {
  family(name, "gauge", help);
}

void Exposition::counter(std::string_view name, std::string_view help) {
  family(name, "counter", help);
}

void Exposition::histogram(std::string_view name, std::string_view help) {
  family(name, "histogram", help);
}

void Exposition::line(std::string_view suffix, const Labels& labels, const std::string& value) {
  out_ += name_;
  out_ += suffix;
  for (size_t i = 0; i < labels.size(); ++i)
    out_ += (i == 0 ? "{" : ",") + std::string(labels[i].first) + "=\"" +
            escaped(labels[i].second) + "\"";
  out_ += (labels.empty() ? " " : "} ") + value + "\n";
}

void Exposition::sample(const Labels& labels, int64_t value) {
  line("", labels, std::to_string(value));
}

void Exposition::sample(const Labels& labels, double value) {
  line("", labels, number(value));
}

void Exposition::sample(const Labels& labels, const Counter& counter) {
  line("", labels, std::to_string(counter.value()));
}

void Exposition::sample(const Labels& labels, const Histogram& histogram) {
  const Histogram::Values values = histogram.values();
  Labels bounded = labels;
  bounded.emplace_back("le", "");
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    bounded.back().second = i + 1 == Histogram::kBuckets ? "+Inf" : bound(Histogram::kBounds[i]);
    line("_bucket", bounded, std::to_string(values.up_to[i]));
  }
  line("_sum", labels, number(values.sum));
  line("_count", labels, std::to_string(values.count()));
}

std::string Exposition::text() && {
  if (format_ == Format::kOpenMetrics) out_ += "# EOF\n";
  return std::move(out_);
}

}  // namespace base::metrics
