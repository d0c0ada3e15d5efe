#pragma once

#include <string_view>

// The registry's schema as the list of its versions: step n makes version n+1 of version n. A step
// that was released is never changed; test/unit/store/schemas/ holds a registry of each version. A
// new name in a stored enumeration is a new version too (with an empty step): an older program then
// refuses the registry, and does not take it for a damaged one.
namespace agent {

inline constexpr std::string_view kSchema[] = {
    // 1
    R"sql(
CREATE TABLE desired_node (            -- one row, once a revision was resolved
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  value TEXT NOT NULL                  -- JSON, as are all values below
);
CREATE TABLE desired (
  service TEXT PRIMARY KEY,
  value   TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE components (
  service   TEXT NOT NULL,
  component TEXT NOT NULL,
  value     TEXT NOT NULL,
  PRIMARY KEY (service, component)
) WITHOUT ROWID;
CREATE TABLE services (
  service TEXT PRIMARY KEY,
  value   TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE node (                    -- one row, once the node had conditions
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  conditions     TEXT NOT NULL,
  ready_revision TEXT NOT NULL
);
CREATE TABLE events (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, whatever is deleted
  time      INTEGER NOT NULL,                   -- milliseconds since 1970, UTC
  warning   INTEGER NOT NULL,
  service   TEXT NOT NULL,
  component TEXT NOT NULL,
  reason    TEXT NOT NULL,
  message   TEXT NOT NULL,
  cause     TEXT NOT NULL,
  revision  TEXT NOT NULL
);
CREATE INDEX events_of_service ON events (service, id);
CREATE TABLE rollouts (
  id       INTEGER PRIMARY KEY,
  service  TEXT NOT NULL,
  revision TEXT NOT NULL,
  time     INTEGER NOT NULL,
  ready    INTEGER NOT NULL,
  message  TEXT NOT NULL
);
CREATE INDEX rollouts_of_service ON rollouts (service, id);
-- For people with a shell: sqlite3 mcp.db 'SELECT * FROM leases'
CREATE VIEW leases AS
  SELECT c.service, c.component, l.value ->> 'slot' AS slot, l.value ->> 'route' AS route,
         l.value ->> 'port' AS port
  FROM components c, json_each(c.value, '$.leases') l;
)sql",
    // 2
    R"sql(
CREATE TABLE alerts (                  -- that have begun, until everybody knows of their end
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
)sql",
};

}  // namespace agent
