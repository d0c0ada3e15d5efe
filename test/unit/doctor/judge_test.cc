#include <gmock/gmock.h>

#include <functional>

#include "agent/doctor/facts.h"

namespace agent::doctor {
namespace {

using testing::HasSubstr;

// A finding in short: "error: what to do", with both parts cut to what the row says.
struct Expected {
  const char* level;
  const char* text;
  const char* hint = "";
};

void expect(const std::vector<Finding>& found, const std::vector<Expected>& expected,
            const char* row) {
  ASSERT_EQ(found.size(), expected.size()) << row;
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(name(found[i].level), expected[i].level) << row << ": " << found[i].line();
    EXPECT_THAT(found[i].text, HasSubstr(expected[i].text)) << row;
    EXPECT_THAT(found[i].hint, HasSubstr(expected[i].hint)) << row;
    EXPECT_EQ(found[i].level == Finding::Level::kOk, found[i].hint.empty())
        << row << ": whatever is wrong says what to do";
  }
}

TEST(Linger, IsNeededWithoutRoot) {
  expect(judge_linger({.name = "root"}), {{"ok", "runs as root"}}, "rootful");
  expect(judge_linger({.name = "mcp", .rootless = true}), {{"ok", "no systemd-logind"}},
         "no logind");
  expect(judge_linger({.name = "mcp", .rootless = true, .linger = true}), {{"ok", "lingers"}},
         "lingers");
  expect(judge_linger({.name = "mcp", .rootless = true, .linger = false}),
         {{"error", "does not linger", "loginctl enable-linger mcp"}}, "does not");
}

TEST(SubIds, AreAFullRange) {
  const auto user = [](uint64_t uids, uint64_t gids) {
    return User{.name = "mcp", .rootless = true, .subuids = uids, .subgids = gids};
  };
  expect(judge_subids({.name = "root"}), {{"ok", "needs none"}}, "rootful");
  expect(judge_subids(user(65536, 65536)), {{"ok", "65536 user"}}, "full");
  expect(judge_subids(user(0, 65536)), {{"error", "/etc/subuid has no range", "usermod"}}, "none");
  expect(
      judge_subids(user(0, 1000)),
      {{"error", "/etc/subuid", "usermod"}, {"warning", "/etc/subgid gives mcp 1000", "usermod"}},
      "both");
}

TEST(Cgroups, LimitsHaveTheirControllers) {
  expect(judge_cgroups({}), {{"warning", "does not say", "podman info"}}, "unknown");
  expect(judge_cgroups({.version = 1}), {{"ok", "version 1"}}, "v1 root");
  expect(judge_cgroups({.rootless = true, .version = 1}),
         {{"warning", "ignores memory", "unified_cgroup_hierarchy"}}, "v1 rootless");
  expect(judge_cgroups({.rootless = true, .version = 2, .controllers = {"memory", "pids", "cpu"}}),
         {{"ok", "version 2"}}, "v2");
  expect(judge_cgroups({.rootless = true, .version = 2, .controllers = {"memory", "pids"}}),
         {{"warning", "controller cpu", "delegate.conf"}}, "v2 not delegated");
  expect(judge_cgroups({.version = 2, .controllers = {}}),
         {{"warning", "cpu, memory, pids", "Delegate=yes"}}, "v2 root");
}

TEST(Ports, LowOnesAreRoots) {
  expect(judge_ports({.wanted = {{80, "web/api"}}}), {{"ok", "may publish any"}}, "rootful");
  expect(judge_ports({.rootless = true, .wanted = {{8080, "web/api"}}}), {{"ok", "from 1024 on"}},
         "high");
  expect(
      judge_ports({.rootless = true, .wanted = {{80, "web/api"}, {443, "web/tls"}, {1024, "x/y"}}}),
      {{"error", "web/api wants port 80", "ip_unprivileged_port_start=80"},
       {"error", "web/tls wants port 443", "ip_unprivileged_port_start=443"}},
      "low");
  expect(judge_ports({.rootless = true, .first_unprivileged = 80, .wanted = {{80, "web/api"}}}),
         {{"ok", "from 80 on"}}, "allowed");
}

TEST(Forwarders, ServeContainersThatAre) {
  const Helpers fine{.helpers = {{.pid = 10, .program = "conmon", .container = "aaa"},
                                 {.pid = 11, .program = "rootlessport", .ports = {8080}},
                                 {.pid = 12, .program = "slirp4netns"}},
                     .containers = {"aaa"},
                     .published = {8080}};
  expect(judge_helpers(fine), {{"ok", "3 processes"}}, "fine");
  Helpers leaked = fine;
  leaked.containers = {"bbb"};
  leaked.published = {};
  leaked.helpers[2].netns_is_gone = true;
  expect(judge_helpers(leaked),
         {{"warning", "conmon (process 10) is left over, of container aaa", "has it: kill 10"},
          {"warning", "holds port 8080", "has it: kill 11"},
          {"warning", "namespace that is gone", "has it: kill 12"}},
         "leaked");
}

TEST(AuthFile, IsReadableByItsOwnerAlone) {
  expect(judge_auth_file({}), {{"ok", "none is configured"}}, "none");
  expect(judge_auth_file({.path = "/a.json"}), {{"error", "cannot read", "podman login"}},
         "missing");
  expect(judge_auth_file({"/a.json", true, 0600}), {{"ok", "its owner alone"}}, "private");
  expect(judge_auth_file({"/a.json", true, 0644}), {{"warning", "mode 0644", "chmod 600"}}, "open");
}

base::TimePoint at(std::string_view text) {
  return *base::parse_rfc3339(text);
}

TEST(Clock, IsKeptAndNotBeforeTheProgram) {
  const auto now = at("2026-11-23T10:00:00Z");
  expect(judge_clock({now, at("2026-11-22T10:00:00Z"), true}), {{"ok", "synchronised"}}, "kept");
  expect(judge_clock({now, at("2026-11-22T10:00:00Z"), std::nullopt}), {{"ok", "it says"}},
         "unknown");
  expect(judge_clock({now, at("2026-11-22T10:00:00Z"), false}),
         {{"warning", "nothing keeps it", "timedatectl"}}, "alone");
  expect(judge_clock({at("1970-01-01T00:01:00Z"), at("2026-11-22T10:00:00Z"), false}),
         {{"error", "made after that", "timedatectl"}}, "in the past");
}

TEST(Disks, HaveSpaceAndInodes) {
  constexpr uint64_t kGibi = uint64_t{1} << 30;
  expect(judge_disks({{"registry", "/a", 50 * kGibi, 100 * kGibi, 50, 100}}),
         {{"ok", "51200 MiB, 50 %"}}, "half");
  expect(judge_disks({{"registry", "/a", 9 * kGibi, 100 * kGibi, 50, 100}}),
         {{"warning", "9 %", "prune"}}, "few");
  expect(judge_disks({{"registry", "/a", kGibi, 100 * kGibi, 50, 100}}),
         {{"error", "1 %", "prune"}}, "next to nothing");
  expect(judge_disks({{"registry", "/a", 50 * kGibi, 100 * kGibi, 0, 100}}),
         {{"error", "0 inodes", "prune"}}, "no inodes");
  // btrfs and others count none (statvfs(3)).
  expect(judge_disks({{"registry", "/a", 50 * kGibi, 100 * kGibi, 0, 0}}), {{"ok", "50 %"}},
         "uncounted");
}

TEST(Socket, IsForItsGroup) {
  expect(judge_socket({.path = "/s"}), {{"ok", "is made when"}}, "not running");
  expect(judge_socket({.path = "/s", .wanted_group = "mcp", .group_known = false}),
         {{"error", "does not have", "groupadd"}}, "no group");
  expect(judge_socket({"/s", true, 0660, "mcp", "mcp", true}), {{"ok", "group mcp (mode 0660)"}},
         "fine");
  expect(judge_socket({"/s", true, 0666, "mcp", "mcp", true}),
         {{"error", "everybody", "chmod 660"}}, "open");
  expect(judge_socket({"/s", true, 0660, "root", "mcp", true}),
         {{"warning", "group root, not to mcp", "restart"}}, "other group");
}

TEST(Certificates, AreGoodForTheirNamesAndTime) {
  const auto now = at("2026-11-23T10:00:00Z");
  const Certificate good{.file = "/c.pem",
                         .key_file = "/c.key",
                         .from = at("2026-01-01T00:00:00Z"),
                         .until = at("2027-01-01T00:00:00Z"),
                         .names = {"rift.example.net"}};
  struct Case {
    const char* row;
    std::function<void(Certificate&)> change;
    Expected expected;
  };
  for (const Case& one :
       {Case{"good", [](auto&) {}, {"ok", "is good for rift.example.net"}},
        {"unreadable", [](auto& c) { c.error = "No such file"; }, {"error", "No such file", "PEM"}},
        {"other key", [](auto& c) { c.key_fits = false; }, {"error", "/c.key", "key there"}},
        {"expired", [&](auto& c) { c.until = now; }, {"error", "has expired", "renew"}},
        {"early",
         [&](auto& c) { c.from = now + std::chrono::hours(1); },
         {"error", "valid from", "clock"}},
        {"nameless",
         [](auto& c) { c.names.clear(); },
         {"error", "names no host", "subjectAltName"}},
        {"chain", [](auto& c) { c.chain_complete = false; }, {"warning", "root", "intermediate"}},
        {"soon",
         [&](auto& c) { c.until = now + std::chrono::hours(24 * 13); },
         {"warning", "expires at", "renew"}},
        {"open key", [](auto& c) { c.key_mode = 0644; }, {"error", "mode 0644", "chmod 600"}}}) {
    Certificate certificate = good;
    one.change(certificate);
    expect(judge_certificates({certificate}, now), {one.expected}, one.row);
  }
}

TEST(Judge, Routes) {
  const base::TimePoint now = at("2026-11-23T00:00:00Z");
  reconciler::ObservedRoute good;
  good.spec.key = {443, "web.test"};
  good.spec.certificate = "web.pem";
  good.owner = "mcp/rift";
  good.served = true;
  good.certificate_until = now + std::chrono::days(60);
  expect(judge_routes({}, now), {{"ok", "0 routes are served", ""}}, "none");
  expect(judge_routes({good}, now),
         {{"ok", "1 routes are served; the first certificate ends at 2027-01-22", ""}}, "good");
  reconciler::ObservedRoute ends = good, warned = good, down = good;
  ends.certificate_until = now + std::chrono::days(3);
  warned.problem = "the chain of web.pem has no root";
  down.served = false;
  down.problem = "web.pem: the key does not fit";
  expect(judge_routes({good, ends}, now), {{"warning", "ends at 2026-11-26", "web.pem"}}, "ends");
  expect(judge_routes({warned}, now), {{"warning", "is served, but the chain", "web.pem"}},
         "warned");
  expect(judge_routes({down}, now),
         {{"error", "is not served: web.pem: the key", "reads a new one"}}, "down");
}

}  // namespace
}  // namespace agent::doctor
