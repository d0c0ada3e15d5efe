#pragma once

#include <optional>
#include <string>

#include "agent/alerts/store.h"

namespace agent {

// Saves to the registry; while that takes no writes (a full disk), to a file beside it whose room
// was taken before. Loop's thread only.
class SpareAlerts : public AlertStore {
 public:
  // `registry` outlives this. Makes the file (256 KiB, mode 0600) where it is missing.
  SpareAlerts(AlertStore& registry, std::string path);

  // What the file has when it was written last, else what the registry has.
  base::Result<std::vector<AlertRecord>> load_alerts() override;
  // The registry's error, also where the file took it. Either is logged once.
  base::Result<> save_alerts(const std::vector<AlertRecord>& all) override;

 private:
  std::optional<std::vector<AlertRecord>> read() const;
  base::Result<> write(const std::vector<AlertRecord>& all) const;

  AlertStore& registry_;
  const std::string path_;
  bool used_ = false;           // the file is newer than the registry
  std::optional<bool> spared_;  // what was logged last: whether the file took it
};

}  // namespace agent
