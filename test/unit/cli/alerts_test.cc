#include <gmock/gmock.h>

#include <sstream>

#include "controller/cli/describe.h"

namespace controller {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(DescribeAlerts, OfTheNodeAndOfTheServicesThatAreShown) {
  const auto node = parse_status(R"({
    "node": "rift",
    "alerts": [
      {"alert": "RuntimeUnreachable", "severity": "critical", "service": null,
       "summary": "rift: podman does not answer", "since": "2026-11-22T10:00:00Z"},
      {"alert": "NotReady", "severity": "warning", "service": "web",
       "summary": "web on rift is not as desired", "since": "2026-11-22T10:04:00Z"}],
    "alertReceivers": [
      {"name": "ops", "error": "answered 503"}, {"name": "pager", "error": null}]
  })");
  ASSERT_TRUE(node);
  const auto shown = [&](const std::string& service) {
    std::ostringstream out;
    std::istringstream in;
    ServiceStatus one;
    one.name = service;
    return describe_node(*node, {one}, Terminal{out, out, in},
                         *base::parse_rfc3339("2026-11-22T10:05:00Z"));
  };
  EXPECT_THAT(
      shown("web"),
      HasSubstr("  alert    critical RuntimeUnreachable: rift: podman does not answer, for 5m\n"
                "  alert    warning NotReady: web on rift is not as desired, for 1m\n"
                "  alerts   do not reach ops: answered 503\n"));
  EXPECT_THAT(shown("other"), HasSubstr("RuntimeUnreachable"));
  EXPECT_THAT(shown("other"), Not(HasSubstr("NotReady")));
}

}  // namespace
}  // namespace controller
