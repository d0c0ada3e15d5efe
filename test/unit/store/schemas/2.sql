PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE desired_node (            -- one row, once a revision was resolved
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  value TEXT NOT NULL                  -- JSON, as are all values below
);
INSERT INTO desired_node VALUES(1,'{"fleet":{"domain":"svc.example.net","name":"home","network":"mcpnet","pruneMax":9,"prunePercent":11,"registry":"registry.example.net/team","restart":{"maxRetries":5,"policy":"on-failure"},"stopTimeout":1500,"user":"1000:1000"},"node":"rift","nodes":{"rift":{"address":"192.0.2.7","agent":"ssh://root@rift","cpus":3.5,"labels":{"zone":"home"},"memoryBytes":1073741824,"name":"rift","schedulable":false}},"problems":["nodes/other.toml:1:1: no address"],"revision":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","unusable":{"broken":"services/broken.toml:2:1: no image"}}');
CREATE TABLE desired (
  service TEXT PRIMARY KEY,
  value   TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO desired VALUES('plain','{"components":{},"definition":{"active":true,"annotations":{},"buildImages":{},"components":[],"dependsOn":[],"labels":{},"name":"plain","node":"","path":"","placement":{},"restartedAt":null,"version":""},"hold":null,"path":"","revision":""}');
INSERT INTO desired VALUES('web','{"components":{"api":{"cause":"image: web:v0 -> web:v1 (commit 1a2b3c4)","rolls":true,"spec":{"cmd":["server","--verbose"],"cpus":0.1,"dependsOn":["db"],"env":{"EMPTY":"","LOG_LEVEL":"debug"},"health":{"check":{"kind":"cmd","with":{"argv":["pg_isready","-q"]}},"interval":2500,"port":"rest","retries":7,"startPeriod":90000,"timeout":750},"image":"registry.example.net/web:v1","memoryBytes":1099511627776,"name":"api","network":"mcpnet","ports":[{"containerPort":443,"hostIp":"127.0.0.1","hostPort":8443,"protocol":"udp"}],"restart":{"maxRetries":5,"policy":"on-failure"},"routes":[{"backendTls":false,"edge":"svc","hostname":"api.example.net","mode":"l7","name":"rest","port":8443,"targetPort":8080}],"secrets":[{"name":"db-password","target":"env:DB_PASSWORD"}],"stopTimeout":12345,"strategy":"recreate","user":"0:0","volumes":[{"options":["ro","z"],"source":"/srv/web","target":"/data"}]},"specHash":"5e884898da28"},"bare":{"cause":"image: web:v0 -> web:v1 (commit 1a2b3c4)","rolls":true,"spec":{"cmd":[],"cpus":0.0,"dependsOn":[],"env":{},"health":null,"image":"","memoryBytes":0,"name":"bare","network":"","ports":[],"restart":null,"routes":[],"secrets":[],"stopTimeout":null,"strategy":"automatic","user":"","volumes":[]},"specHash":"5e884898da28"},"http":{"cause":"image: web:v0 -> web:v1 (commit 1a2b3c4)","rolls":true,"spec":{"cmd":["server","--verbose"],"cpus":0.1,"dependsOn":["db"],"env":{"EMPTY":"","LOG_LEVEL":"debug"},"health":{"check":{"kind":"http","with":{"path":"/healthz"}},"interval":2500,"port":"rest","retries":7,"startPeriod":90000,"timeout":750},"image":"registry.example.net/web:v1","memoryBytes":1099511627776,"name":"http","network":"mcpnet","ports":[{"containerPort":443,"hostIp":"127.0.0.1","hostPort":8443,"protocol":"udp"}],"restart":{"maxRetries":5,"policy":"on-failure"},"routes":[{"backendTls":false,"edge":"svc","hostname":"api.example.net","mode":"l7","name":"rest","port":8443,"targetPort":8080}],"secrets":[{"name":"db-password","target":"env:DB_PASSWORD"}],"stopTimeout":12345,"strategy":"recreate","user":"0:0","volumes":[{"options":["ro","z"],"source":"/srv/web","target":"/data"}]},"specHash":"5e884898da28"},"tcp":{"cause":"image: web:v0 -> web:v1 (commit 1a2b3c4)","rolls":true,"spec":{"cmd":["server","--verbose"],"cpus":0.1,"dependsOn":["db"],"env":{"EMPTY":"","LOG_LEVEL":"debug"},"health":{"check":{"kind":"tcp","with":{}},"interval":2500,"port":"rest","retries":7,"startPeriod":90000,"timeout":750},"image":"registry.example.net/web:v1","memoryBytes":1099511627776,"name":"tcp","network":"mcpnet","ports":[{"containerPort":443,"hostIp":"127.0.0.1","hostPort":8443,"protocol":"udp"}],"restart":{"maxRetries":5,"policy":"on-failure"},"routes":[{"backendTls":false,"edge":"svc","hostname":"api.example.net","mode":"l7","name":"rest","port":8443,"targetPort":8080}],"secrets":[{"name":"db-password","target":"env:DB_PASSWORD"}],"stopTimeout":12345,"strategy":"recreate","user":"0:0","volumes":[{"options":["ro","z"],"source":"/srv/web","target":"/data"}]},"specHash":"5e884898da28"}},"definition":{"active":false,"annotations":{"note":"naïve \"quoted\"\n"},"buildImages":{"web":"Dockerfile"},"components":[{"cmd":["server","--verbose"],"cpus":0.1,"dependsOn":["db"],"env":{"EMPTY":"","LOG_LEVEL":"debug"},"health":{"check":{"kind":"cmd","with":{"argv":["pg_isready","-q"]}},"interval":2500,"port":"rest","retries":7,"startPeriod":90000,"timeout":750},"image":"registry.example.net/web:v1","memoryBytes":1099511627776,"name":"api","network":"mcpnet","ports":[{"containerPort":443,"hostIp":"127.0.0.1","hostPort":8443,"protocol":"udp"}],"restart":{"maxRetries":5,"policy":"on-failure"},"routes":[{"backendTls":false,"edge":"svc","hostname":"api.example.net","mode":"l7","name":"rest","port":8443,"targetPort":8080}],"secrets":[{"name":"db-password","target":"env:DB_PASSWORD"}],"stopTimeout":12345,"strategy":"recreate","user":"0:0","volumes":[{"options":["ro","z"],"source":"/srv/web","target":"/data"}]},{"cmd":["server","--verbose"],"cpus":0.1,"dependsOn":["db"],"env":{"EMPTY":"","LOG_LEVEL":"debug"},"health":{"check":{"kind":"http","with":{"path":"/healthz"}},"interval":2500,"port":"rest","retries":7,"startPeriod":90000,"timeout":750},"image":"registry.example.net/web:v1","memoryBytes":1099511627776,"name":"http","network":"mcpnet","ports":[{"containerPort":443,"hostIp":"127.0.0.1","hostPort":8443,"protocol":"udp"}],"restart":{"maxRetries":5,"policy":"on-failure"},"routes":[{"backendTls":false,"edge":"svc","hostname":"api.example.net","mode":"l7","name":"rest","port":8443,"targetPort":8080}],"secrets":[{"name":"db-password","target":"env:DB_PASSWORD"}],"stopTimeout":12345,"strategy":"recreate","user":"0:0","volumes":[{"options":["ro","z"],"source":"/srv/web","target":"/data"}]},{"cmd":["server","--verbose"],"cpus":0.1,"dependsOn":["db"],"env":{"EMPTY":"","LOG_LEVEL":"debug"},"health":{"check":{"kind":"tcp","with":{}},"interval":2500,"port":"rest","retries":7,"startPeriod":90000,"timeout":750},"image":"registry.example.net/web:v1","memoryBytes":1099511627776,"name":"tcp","network":"mcpnet","ports":[{"containerPort":443,"hostIp":"127.0.0.1","hostPort":8443,"protocol":"udp"}],"restart":{"maxRetries":5,"policy":"on-failure"},"routes":[{"backendTls":false,"edge":"svc","hostname":"api.example.net","mode":"l7","name":"rest","port":8443,"targetPort":8080}],"secrets":[{"name":"db-password","target":"env:DB_PASSWORD"}],"stopTimeout":12345,"strategy":"recreate","user":"0:0","volumes":[{"options":["ro","z"],"source":"/srv/web","target":"/data"}]},{"cmd":[],"cpus":0.0,"dependsOn":[],"env":{},"health":null,"image":"","memoryBytes":0,"name":"bare","network":"","ports":[],"restart":null,"routes":[],"secrets":[],"stopTimeout":null,"strategy":"automatic","user":"","volumes":[]}],"dependsOn":["database"],"labels":{"tier":"front"},"name":"web","node":"rift","path":"myservice","placement":{"zone":"home"},"restartedAt":1763800000250,"version":"v1.0.0"},"hold":{"message":"services/web.toml:1:1: unknown field","reason":"InvalidDefinition"},"path":"services/web.toml","revision":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}');
CREATE TABLE components (
  service   TEXT NOT NULL,
  component TEXT NOT NULL,
  value     TEXT NOT NULL,
  PRIMARY KEY (service, component)
) WITHOUT ROWID;
INSERT INTO components VALUES('web','api','{"failure":{"error":{"code":"unauthenticated","hint":"podman login","message":"cannot pull web:v1: unauthorized","retry":"afterChange"},"step":"remove"},"healPending":true,"heals":[1000,2000],"healthyHash":"bb","imageMissing":true,"imagePulled":true,"leases":[{"port":10000,"route":"","slot":"first"},{"port":60000,"route":"rest","slot":"second"}],"refusedPorts":[10001,10002],"restarts":6,"rolloutBackOff":{"attempts":4,"nextAt":1763800100000},"rolloutError":"3 health checks failed","rolloutFailed":true,"stepBackOff":{"attempts":3,"nextAt":1763800100000},"wantedHash":"aa"}');
INSERT INTO components VALUES('web','bare','{"failure":null,"healPending":false,"heals":[],"healthyHash":"","imageMissing":false,"imagePulled":false,"leases":[],"refusedPorts":[],"restarts":0,"rolloutBackOff":{"attempts":0,"nextAt":0},"rolloutError":"","rolloutFailed":false,"stepBackOff":{"attempts":0,"nextAt":0},"wantedHash":""}');
CREATE TABLE services (
  service TEXT PRIMARY KEY,
  value   TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO services VALUES('web','{"conditions":[{"message":"web/api: the new container did not become ready","reason":"RolloutFailed","since":1763800200000,"status":"false","type":"Ready"},{"message":"web/api: the new container did not become ready","reason":"RolloutFailed","since":1763800200000,"status":"false","type":"Stalled"}],"readyRevision":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}');
CREATE TABLE node (                    -- one row, once the node had conditions
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  conditions     TEXT NOT NULL,
  ready_revision TEXT NOT NULL
);
INSERT INTO node VALUES(1,'[{"message":"web/api: the new container did not become ready","reason":"RolloutFailed","since":1763800200000,"status":"false","type":"Ready"}]','ffffffffffffffffffffffffffffffffffffffff');
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
INSERT INTO events VALUES(1,1763800300005,1,'web','api','Created','created web.api','image: web:v0 -> web:v1','cccccccccccccccccccccccccccccccccccccccc');
INSERT INTO events VALUES(2,1763800300005,1,'web','api','Started','created web.api','image: web:v0 -> web:v1','cccccccccccccccccccccccccccccccccccccccc');
CREATE TABLE rollouts (
  id       INTEGER PRIMARY KEY,
  service  TEXT NOT NULL,
  revision TEXT NOT NULL,
  time     INTEGER NOT NULL,
  ready    INTEGER NOT NULL,
  message  TEXT NOT NULL
);
INSERT INTO rollouts VALUES(1,'web','dddddddddddddddddddddddddddddddddddddddd',1763800400000,1,'Ready');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('events',2);
CREATE INDEX events_of_service ON events (service, id);
CREATE INDEX rollouts_of_service ON rollouts (service, id);
CREATE VIEW leases AS
  SELECT c.service, c.component, l.value ->> 'slot' AS slot, l.value ->> 'route' AS route,
         l.value ->> 'port' AS port
  FROM components c, json_each(c.value, '$.leases') l;
CREATE TABLE alerts (                  -- that have begun, until everybody knows of their end
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO alerts VALUES('NotReady web api web.example.net:443','{"alert":{"name":"NotReady","service":"web","component":"api","subject":"web.example.net:443","severity":"critical","reason":"Unhealthy","summary":"web on rift does not serve (Unhealthy)","description":"Unhealthy: HTTP 500 (mcp why web)","since":1763800000000,"until":1763800100000},"said":{"ops":{"since":1763800000000,"ended":true,"severity":"warning","at":1763800200000}}}');
COMMIT;
