#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/sqlite/database.h"
#include "mc-proxy/routes/route.h"

namespace mc_proxy {

struct StoredRoute {
  Route route;
  // L7: the last certificate that was found good, with its key. None: what is there stays.
  std::optional<std::string> pem;
  std::string address = {};  // of the backend, as it was last found; empty: not known
};

// The routes on disk. One thread at a time.
class RouteTable {
 public:
  // A damaged file is set aside (base/sqlite/aside.h), said in the log, and an empty one takes its
  // place. No space and no rights are errors.
  static base::Result<RouteTable> open(const std::string& path);

  // One after another, in the order of their keys. A row that no version of ours has written is
  // logged and passed over.
  base::Result<> load(const std::function<void(StoredRoute)>& take);

  // kNotFound: no such route.
  base::Result<std::string> pem(const RouteKey& key);

  // Writes all of it, calls `between`, and commits when that succeeds; else, and when the disk
  // refuses, nothing has changed here.
  base::Result<> change(const std::vector<StoredRoute>& upserts,
                        const std::vector<RouteKey>& removes,
                        const std::function<base::Result<>()>& between);

 private:
  explicit RouteTable(base::sqlite::Database database) : database_(std::move(database)) {}
  base::sqlite::Database database_;
};

}  // namespace mc_proxy
