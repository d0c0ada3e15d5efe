#include <gmock/gmock.h>

#include "base/core/text.h"
#include "base/core/time.h"

namespace base {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Time, Rfc3339RoundTrips) {
  for (const char* text : {"2026-11-22T10:00:00Z", "1999-12-31T23:59:59.250Z"})
    EXPECT_EQ(to_rfc3339(*parse_rfc3339(text)), text);
  EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-11-22T12:30:00+02:30")), "2026-11-22T10:00:00Z");
}

TEST(Time, BadTimesAreRefused) {
  for (const char* text : {"", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
                           "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00Zx"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

TEST(Time, Durations) {
  EXPECT_EQ(*parse_duration("1h30m"), hours(1) + minutes(30));
  EXPECT_EQ(*parse_duration("500ms"), Millis(500));
  EXPECT_EQ(to_duration(minutes(90)), "1h30m");
  EXPECT_EQ(to_duration(Millis(0)), "0s");
  for (const char* text : {"", "10", "s", "-1s", "1 s", "1y"})
    EXPECT_FALSE(parse_duration(text)) << text;
  EXPECT_EQ(short_age(seconds(7400)), "2h");
}

TEST(Text, NearestNamesWhatWasMeant) {
  const std::vector<std::string> names = {"image", "name", "network", "ports"};
  EXPECT_EQ(nearest("imag", names), "image");
  EXPECT_EQ(nearest("port", names), "ports");
  EXPECT_EQ(nearest("quux", names), std::nullopt);
}

TEST(Text, Utf8) {
  EXPECT_TRUE(is_utf8("na\xC3\xAFve \xF0\x9F\x90\xB3"));
  for (const char* bad : {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"})
    EXPECT_FALSE(is_utf8(bad));
  size_t offset = 0;
  EXPECT_FALSE(is_utf8("ab\xFF", &offset));
  EXPECT_EQ(offset, 2u);
}

TEST(Text, DnsLabels) {
  for (const char* good : {"a", "web-1", "0x"}) EXPECT_TRUE(is_dns_label(good)) << good;
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a_b"})
    EXPECT_FALSE(is_dns_label(bad)) << bad;
}

TEST(Text, Sha256) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Error, SaysWhatWhyAndWhatToDo) {
  const Error error =
      unavailable("connection refused", "start podman.socket").within("cannot list");
  EXPECT_EQ(error.text(), "cannot list: connection refused (start podman.socket)");
}

}  // namespace
}  // namespace base
