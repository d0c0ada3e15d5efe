#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/sqlite/database.h"
#include "mc-proxy/routes/route.h"

namespace mc_proxy {

struct StoredRoute {
  Route route;
  std::string pem;  // L7: the last certificate that was found good, with its key
};

// The routes on disk. One thread at a time.
class RouteTable {
 public:
  static base::Result<RouteTable> open(const std::string& path);

  base::Result<std::vector<StoredRoute>> load();

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
