#include <gmock/gmock.h>
#include <sqlite3.h>

#include <fstream>
#include <sstream>

#include "agent/store/sqlite_store.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

base::TimePoint at(int64_t seconds) {
  return base::TimePoint(std::chrono::seconds(seconds));
}

// No field has its default.
AlertRecord record(const std::string& kind) {
  AlertRecord out;
  auto& [alert, said] = out;
  auto& [name, service, component, subject, severity, reason, summary, description, since, until] =
      alert;
  name = kind;
  service = reconciler::ServiceName("web");
  component = reconciler::ComponentName("api");
  subject = "web.example.net:443";
  severity = Severity::kCritical;
  reason = "Unhealthy";
  summary = "web on rift does not serve (Unhealthy)";
  description = "Unhealthy: HTTP 500 (mcp why web)";
  since = at(1'763'800'000);
  until = at(1'763'800'100);
  said["ops"] = {at(1'763'800'000), true, Severity::kWarning, at(1'763'800'200)};
  return out;
}

std::unique_ptr<SqliteStore> open(const test::TempDir& folder) {
  auto store = SqliteStore::open(folder / "mcp.db");
  EXPECT_TRUE(store) << store.error().text();
  return store ? std::move(*store) : nullptr;
}

TEST(StoredAlerts, ComeBackEqualAndAreReplacedAsAWhole) {
  const test::TempDir folder;
  EXPECT_THAT(*open(folder)->load_alerts(), IsEmpty());
  const AlertRecord a = record("CertificateExpiring"), b = record("NotReady");
  ASSERT_TRUE(open(folder)->save_alerts({a, b}));
  EXPECT_THAT(*open(folder)->load_alerts(), ElementsAre(a, b));
  ASSERT_TRUE(open(folder)->save_alerts({b}));
  EXPECT_THAT(*open(folder)->load_alerts(), ElementsAre(b));
}

TEST(StoredAlerts, OfSchemaTwoAreRead) {
  const test::TempDir folder;
  std::ostringstream text;
  text << std::ifstream(MCP_SOURCE_DIR "/test/unit/store/schemas/2.sql").rdbuf();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "mcp.db").c_str(), &database), SQLITE_OK);
  const std::string sql = text.str() + "PRAGMA user_version=2";
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  const auto records = open(folder)->load_alerts();
  ASSERT_TRUE(records) << records.error().text();
  EXPECT_THAT(*records, ElementsAre(record("NotReady")));
}

}  // namespace
}  // namespace agent
