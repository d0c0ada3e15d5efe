#include "agent/store/spare_alerts.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "test/support/temp_dir.h"

namespace agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Registry : public AlertStore {
 public:
  base::Result<std::vector<AlertRecord>> load_alerts() override { return records; }
  base::Result<> save_alerts(const std::vector<AlertRecord>& all) override {
    if (full) return base::make_error(base::Code::kExhausted, "disk full");
    records = all;
    return {};
  }
  std::vector<AlertRecord> records;
  bool full = false;
};

class SpareAlertsTest : public testing::Test {
 protected:
  static AlertRecord record(const std::string& service) {
    AlertRecord out;
    out.alert.name = "NotReady";
    out.alert.service = reconciler::ServiceName(service);
    out.alert.description = "two\nlines";
    out.alert.since = base::TimePoint(base::Millis(1000));
    out.said["ops"] = {out.alert.since, false, Severity::kWarning, out.alert.since};
    return out;
  }
  std::vector<AlertRecord> loaded() { return *SpareAlerts(registry, path).load_alerts(); }

  ::test::TempDir folder;
  const std::string path = folder / "alerts-told";
  Registry registry;
};

TEST_F(SpareAlertsTest, ItsRoomIsThereBeforeItIsNeeded) {
  SpareAlerts spare(registry, path);
  const auto size = std::filesystem::file_size(path);
  EXPECT_GE(size, 256U * 1024);
  registry.full = true;
  EXPECT_FALSE(spare.save_alerts(std::vector(5000, record("web"))));
  EXPECT_EQ(std::filesystem::file_size(path), size);
  EXPECT_GT(loaded().size(), 500U);
}

TEST_F(SpareAlertsTest, TheNewerOfBothCounts) {
  SpareAlerts spare(registry, path);
  ASSERT_TRUE(spare.save_alerts({record("a")}));
  EXPECT_THAT(loaded(), ElementsAre(record("a")));
  registry.full = true;
  EXPECT_EQ(spare.save_alerts({record("a"), record("b")}).error().code, base::Code::kExhausted);
  EXPECT_THAT(loaded(), ElementsAre(record("a"), record("b")));
  EXPECT_FALSE(spare.save_alerts({}));
  EXPECT_THAT(loaded(), IsEmpty());
  registry.full = false;
  ASSERT_TRUE(spare.save_alerts({record("c")}));
  EXPECT_THAT(loaded(), ElementsAre(record("c")));
}

TEST_F(SpareAlertsTest, AFileThatIsDamagedOrGoneIsPassedOver) {
  SpareAlerts spare(registry, path);
  registry.records = {record("a")};
  registry.full = true;
  EXPECT_FALSE(spare.save_alerts({record("b")}));
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(100) << "x";
  EXPECT_THAT(loaded(), ElementsAre(record("a")));
  std::filesystem::remove(path);
  EXPECT_FALSE(spare.save_alerts({record("b")}));
  EXPECT_THAT(loaded(), ElementsAre(record("a")));
}

}  // namespace
}  // namespace agent
