#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/alerts/store.h"
#include "agent/store/event_log.h"
#include "reconciler/ports.h"

namespace agent {

// The registry: one SQLite file (mode 0600) with what git said last, what only this node knows, and
// what was done. Observed state is not in it: podman is asked again after every start.
//
// Errors of commit(): kExhausted (disk full; the next commit may succeed) and kUnavailable (another
// process held the lock for the busy timeout): the registry is as it was before. kCorrupt as in the
// port: it was found to be damaged, or not to be the file at its path any more; what is there was
// set aside, and an empty registry has taken its place.
class SqliteStore : public reconciler::Store, public AlertStore {
 public:
  struct Options {
    int keep_events = 10'000;
    int keep_rollouts = 100;  // a service
    base::Millis busy_timeout{5000};
  };

  // Makes the file and its folders when they are missing, and brings an older schema up to date.
  // A damaged file is set aside (base/sqlite/aside.h) and an empty registry takes its place; the
  // log and a RegistryCorrupt event say so. kInvalid: a newer program wrote it.
  static base::Result<std::unique_ptr<SqliteStore>> open(const std::string& path,
                                                         const Options& options);
  static base::Result<std::unique_ptr<SqliteStore>> open(const std::string& path) {
    return open(path, Options());
  }
  ~SqliteStore() override;

  base::Result<Saved> load() override;
  base::Result<> commit(const reconciler::Transaction& transaction) override;
  base::Result<std::vector<AlertRecord>> load_alerts() override;
  base::Result<> save_alerts(const std::vector<AlertRecord>& all) override;

  base::Result<std::unique_ptr<EventLog>> event_log() const;

 private:
  struct Impl;
  explicit SqliteStore(std::unique_ptr<Impl> impl);
  base::Result<> write(const reconciler::Transaction& transaction);
  std::unique_ptr<Impl> impl_;
};

// A consistent copy of the registry at `registry`, which an agent may be using, in the new file
// `to`. kConflict: `to` exists.
base::Result<> snapshot_registry(const std::string& registry, const std::string& to);

}  // namespace agent
