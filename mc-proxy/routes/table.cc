#include "mc-proxy/routes/table.h"

#include <array>

namespace mc_proxy {
namespace {

using base::Result;
using base::sqlite::Database;
using base::sqlite::Transaction;

constexpr std::array<std::string_view, 2> kSchema = {R"(
CREATE TABLE route (
  listener TEXT NOT NULL,
  hostname TEXT NOT NULL,
  owner TEXT NOT NULL,
  backend TEXT NOT NULL,
  mode TEXT NOT NULL,
  tls_cert TEXT NOT NULL,
  tls_key TEXT NOT NULL,
  protocol TEXT NOT NULL,
  send_proxy_protocol INTEGER NOT NULL,
  pem TEXT NOT NULL,
  PRIMARY KEY (listener, hostname)
) STRICT, WITHOUT ROWID;
)",
                                                     R"(
ALTER TABLE route ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;
)"};

}  // namespace

Result<RouteTable> RouteTable::open(const std::string& path) {
  MCP_TRY(Database database, Database::open(path));
  MCP_CHECK(database.migrate(kSchema));
  return RouteTable(std::move(database));
}

Result<std::vector<StoredRoute>> RouteTable::load() {
  MCP_TRY(auto rows,
          database_.prepare("SELECT listener, hostname, owner, backend, mode, tls_cert, tls_key, "
                            "protocol, send_proxy_protocol, pem, hold FROM route"));
  std::vector<StoredRoute> routes;
  while (true) {
    MCP_TRY(const bool row, rows.step());
    if (!row) return routes;
    StoredRoute stored;
    Route& route = stored.route;
    route.key = {rows.text(0), rows.text(1)};
    route.owner = rows.text(2);
    route.backend = rows.text(3);
    MCP_TRY(route.mode, parse_mode(rows.text(4)));
    route.tls_cert = rows.text(5);
    route.tls_key = rows.text(6);
    MCP_TRY(route.protocol, parse_protocol(rows.text(7)));
    route.send_proxy_protocol = rows.integer(8) != 0;
    stored.pem = rows.text(9);
    route.hold = std::chrono::seconds(rows.integer(10));
    routes.push_back(std::move(stored));
  }
}

Result<> RouteTable::change(const std::vector<StoredRoute>& upserts,
                            const std::vector<RouteKey>& removes,
                            const std::function<Result<>()>& between) {
  MCP_TRY(Transaction transaction, Transaction::begin(database_));
  for (const RouteKey& key : removes)
    MCP_CHECK(database_.run("DELETE FROM route WHERE listener = ?1 AND hostname = ?2", key.listener,
                            key.hostname));
  for (const StoredRoute& stored : upserts) {
    const Route& route = stored.route;
    MCP_CHECK(database_.run(
        "INSERT OR REPLACE INTO route VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        route.key.listener, route.key.hostname, route.owner, route.backend, name(route.mode),
        route.tls_cert, route.tls_key, name(route.protocol), route.send_proxy_protocol, stored.pem,
        route.hold.count()));
  }
  MCP_CHECK(between());
  return transaction.commit();
}

}  // namespace mc_proxy
