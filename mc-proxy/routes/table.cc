#include "mc-proxy/routes/table.h"

#include <array>

#include "base/log/log.h"
#include "base/sqlite/aside.h"

namespace mc_proxy {
namespace {

using base::Result;
using base::sqlite::Database;
using base::sqlite::Transaction;

constexpr std::array<std::string_view, 3> kSchema = {R"(
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
)",
                                                     R"(
ALTER TABLE route ADD COLUMN address TEXT NOT NULL DEFAULT '';
)"};

constexpr std::string_view kUpsert = R"(
INSERT INTO route VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, coalesce(?11, ''), ?10, ?12)
ON CONFLICT DO UPDATE SET owner = excluded.owner, backend = excluded.backend, mode = excluded.mode,
  tls_cert = excluded.tls_cert, tls_key = excluded.tls_key, protocol = excluded.protocol,
  send_proxy_protocol = excluded.send_proxy_protocol, pem = coalesce(?11, pem),
  hold = excluded.hold, address = excluded.address
)";

Result<Database> open_sound(const std::string& path) {
  MCP_CHECK(base::sqlite::check_not_truncated(path));
  MCP_TRY(Database database, Database::open(path));
  Result<> sound = database.check();
  if (sound) sound = database.migrate(kSchema);
  if (sound) sound = database.script("PRAGMA cache_size=-256");  // it is read once
  if (sound) return database;
  database.finish_at_close(false);
  return sound.error();
}

}  // namespace

Result<RouteTable> RouteTable::open(const std::string& path) {
  auto database = open_sound(path);
  if (!database && database.error().code == base::Code::kCorrupt) {
    const auto now = std::chrono::floor<base::Millis>(std::chrono::system_clock::now());
    MCP_TRY(const std::string aside, base::sqlite::set_aside(path, now));
    base::log::error("the database is damaged: it is set aside as " + aside +
                         ", and an empty one is begun; set again all routes that no agent sets",
                     {{"cause", database.error().message}});
    database = open_sound(path);
  }
  if (!database) return database.error();
  return RouteTable(std::move(*database));
}

Result<> RouteTable::load(const std::function<void(StoredRoute)>& take) {
  MCP_TRY(auto rows,
          database_.prepare("SELECT listener, hostname, owner, backend, mode, tls_cert, tls_key, "
                            "protocol, send_proxy_protocol, pem, hold, address FROM route"));
  while (true) {
    MCP_TRY(const bool row, rows.step());
    if (!row) return {};
    StoredRoute stored;
    Route& route = stored.route;
    route.key = {rows.text(0), rows.text(1)};
    route.owner = rows.text(2);
    route.backend = rows.text(3);
    const auto mode = parse_mode(rows.text(4));
    const auto protocol = parse_protocol(rows.text(7));
    if (!mode || !protocol) {
      const base::Error& error = mode ? protocol.error() : mode.error();
      base::log::warning(
          "a row of the database is passed over, set the route again: " + error.text(),
          {{"route", route.key.listener + " " + route.key.hostname}});
      continue;
    }
    route.mode = *mode;
    route.protocol = *protocol;
    route.tls_cert = rows.text(5);
    route.tls_key = rows.text(6);
    route.send_proxy_protocol = rows.integer(8) != 0;
    stored.pem = rows.text(9);
    route.hold = std::chrono::seconds(rows.integer(10));
    stored.address = rows.text(11);
    take(std::move(stored));
  }
}

Result<std::string> RouteTable::pem(const RouteKey& key) {
  MCP_TRY(auto row,
          database_.prepare("SELECT pem FROM route WHERE listener = ?1 AND hostname = ?2"));
  MCP_TRY(const bool found, row.bind(key.listener, key.hostname).step());
  if (!found || row.text(0).empty())
    return base::not_found("there is no certificate of " + key.hostname + " in the database");
  return row.text(0);
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
    const auto write = [&](const auto& pem) {
      return database_.run(kUpsert, route.key.listener, route.key.hostname, route.owner,
                           route.backend, name(route.mode), route.tls_cert, route.tls_key,
                           name(route.protocol), route.send_proxy_protocol, route.hold.count(), pem,
                           stored.address);
    };
    MCP_CHECK(stored.pem ? write(*stored.pem) : write(nullptr));
  }
  MCP_CHECK(between());
  return transaction.commit();
}

}  // namespace mc_proxy
