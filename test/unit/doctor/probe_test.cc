#include "agent/doctor/probe.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/process/process.h"
#include "test/support/temp_dir.h"

namespace agent::doctor {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

TEST(SubIds, AreCountedByNameAndNumber) {
  const test::TempDir dir;
  write(dir / "subuid", "alice:100000:65536\nmcp:165536:1000\n991:300000:500\nbad line\n");
  EXPECT_EQ(count_subids(dir / "subuid", "mcp", 991), 1500U);
  EXPECT_EQ(count_subids(dir / "subuid", "bob", 1), 0U);
  EXPECT_EQ(count_subids(dir / "none", "mcp", 991), 0U);
}

TEST(Helpers, AreFoundInTheTableOfProcesses) {
  using namespace std::string_literals;
  const test::TempDir dir;
  const auto process = [&](const char* pid, const std::string& comm, const std::string& cmdline) {
    write(fs::path(dir / "proc") / pid / "comm", comm + "\n");
    write(fs::path(dir / "proc") / pid / "cmdline", cmdline);
  };
  process("10", "conmon",
          "conmon\0--api-version\0001\0-c\0abc\0-b\0/store/overlay-containers/abc/userdata\0"s);
  process("11", "conmon", "conmon\0-c\0other\0-b\0/elsewhere/overlay-containers/other/userdata\0"s);
  process("12", "bash", "bash\0");
  process("13", "slirp4netns",
          "slirp4netns\0--mtu=65520\0--netns-type=path\0"s + (dir / "netns/gone") + "\0tap0\0"s);
  process("14", "rootlessport", "rootlessport\0");
  write(dir / "proc/14/net/tcp",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
        "timeout inode\n"
        "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        "
        "0 777 1 0 100 0 0 10 0\n"
        "   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        "
        "0 778 1 0 100 0 0 10 0\n");
  fs::create_directories(dir / "proc/14/fd");
  fs::create_symlink("socket:[777]", dir / "proc/14/fd/5");
  fs::create_symlink("/dev/null", dir / "proc/14/fd/0");
  const auto found = find_helpers(dir / "proc", ::geteuid(), "/store");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].pid, 10);
  EXPECT_EQ(found[0].container, "abc");
  EXPECT_EQ(found[1].program, "slirp4netns");
  EXPECT_TRUE(found[1].netns_is_gone);
  EXPECT_THAT(found[2].ports, ElementsAre(8080));
  EXPECT_THAT(find_helpers(dir / "proc", ::geteuid() + 1, "/store"), IsEmpty())
      << "somebody else's";
}

TEST(Certificates, AreReadAsOpensslMakesThem) {
  const test::TempDir dir;
  const auto make = [&](const std::string& name) {
    const auto made =
        base::run_command({{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=agent",
                            "-addext", "subjectAltName=DNS:rift.example.net,IP:192.0.2.7",
                            "-keyout", dir / (name + ".key"), "-out", dir / (name + ".pem")}},
                          "", std::chrono::seconds(30));
    ASSERT_TRUE(made && made->ok());
  };
  make("one");
  make("two");
  Certificate read = read_certificate(dir / "one.pem", dir / "one.key");
  EXPECT_EQ(read.error, "");
  EXPECT_TRUE(read.key_fits);
  EXPECT_FALSE(read.chain_complete) << "nobody knows who signed it";
  EXPECT_THAT(read.names, ElementsAre("rift.example.net", "192.0.2.7"));
  EXPECT_EQ(read.until - read.from, std::chrono::hours(48));
  EXPECT_EQ(read.key_mode, 0600U);
  EXPECT_FALSE(read_certificate(dir / "one.pem", dir / "two.key").key_fits);
  EXPECT_FALSE(read_certificate(dir / "one.pem", "").key_fits) << "it is not in the same file";
  EXPECT_THAT(read_certificate(dir / "none.pem", "").error, HasSubstr("No such file"));
  write(dir / "text.pem", "hello\n");
  EXPECT_THAT(read_certificate(dir / "text.pem", "").error, HasSubstr("no certificate"));
}

}  // namespace
}  // namespace agent::doctor
