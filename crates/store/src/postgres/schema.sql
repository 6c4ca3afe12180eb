-- What has not ended lies in narrow tables, what has in partitions by the day on which it may go. A run is ready, held, parked or blocked:
--   runs   every run that has not ended, with what it was started with
--   ready  those that can be claimed; a claim deletes the row
--   live   those that were claimed once; `worker` holds it, or nobody
--   parks  those that wait, or whose next attempt is delayed
--   blocked those that a limit of theirs keeps from being ready
CREATE TABLE lanes (lane integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, queue text NOT NULL, system text NOT NULL, UNIQUE (queue, system));
-- `usr` is set for what "my work" lists alone; `prio` is turned round, so that the most urgent comes first.
CREATE TABLE runs (id uuid PRIMARY KEY, root uuid NOT NULL, parent uuid, lane integer NOT NULL, prio integer NOT NULL, system text NOT NULL, usr text, version bytea NOT NULL, workflow text NOT NULL, start bytea NOT NULL);
CREATE INDEX runs_root ON runs (root) WHERE root <> id;
CREATE INDEX runs_parent ON runs (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX runs_usr ON runs (system, usr, id) WHERE usr IS NOT NULL;
CREATE TABLE ready (lane integer NOT NULL, prio integer NOT NULL, run uuid NOT NULL, PRIMARY KEY (lane, prio, run));
CREATE TABLE live (run uuid PRIMARY KEY, worker bigint, epoch bigint NOT NULL DEFAULT 0, cancel_at bigint, keep_children boolean NOT NULL DEFAULT false, attempts integer NOT NULL DEFAULT 0,
  started_at bigint, crashes integer NOT NULL DEFAULT 0, alone boolean NOT NULL DEFAULT false, worked bigint NOT NULL DEFAULT 0, stored bigint NOT NULL DEFAULT 0, parked_by bigint NOT NULL DEFAULT 0,
  parked boolean NOT NULL DEFAULT false) WITH (fillfactor = 70);
CREATE TABLE parks (run uuid PRIMARY KEY, status smallint NOT NULL, wake_at bigint, host text);
CREATE INDEX parks_wake ON parks (wake_at) WHERE wake_at IS NOT NULL;
CREATE TABLE awaits (awaited uuid NOT NULL, run uuid NOT NULL, n integer NOT NULL, first boolean NOT NULL, PRIMARY KEY (awaited, run, n));
CREATE INDEX awaits_run ON awaits (run, n);
CREATE TABLE limits (system text NOT NULL, workflow text NOT NULL, key text NOT NULL, used integer NOT NULL, PRIMARY KEY (system, workflow, key));
CREATE TABLE blocked (system text NOT NULL, workflow text NOT NULL, key text NOT NULL, prio integer NOT NULL, run uuid NOT NULL, PRIMARY KEY (system, workflow, key, prio, run));
CREATE TABLE uniques (system text NOT NULL, workflow text NOT NULL, key text NOT NULL, run uuid NOT NULL, until bigint NOT NULL, PRIMARY KEY (system, workflow, key));
-- A body that is null has been taken: the row says that there was one.
CREATE TABLE signals (run uuid NOT NULL, name text NOT NULL, body bytea, PRIMARY KEY (run, name));
-- `worker` is at it, as long as there is no answer.
CREATE TABLE once (name bytea PRIMARY KEY, body bytea NOT NULL, run uuid, at bigint NOT NULL, answer bytea, worker bigint NOT NULL);
CREATE INDEX once_at ON once (at);
CREATE TABLE journal (run uuid NOT NULL, at bigint NOT NULL, count integer NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (run, at));
CREATE TABLE checkpoints (run uuid NOT NULL, at bigint NOT NULL, bytes bytea NOT NULL, needs bytea NOT NULL, PRIMARY KEY (run, at));
CREATE TABLE blobs (run uuid NOT NULL, hash bytea NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (run, hash));
CREATE TABLE logs (run uuid NOT NULL, n bigint GENERATED ALWAYS AS IDENTITY, line bytea NOT NULL, PRIMARY KEY (run, n));
-- What ended: `journal` is all that its other tables held, one value. `day` is the one on which it may go, counted from 1970.
CREATE TABLE ended (run uuid NOT NULL, day integer NOT NULL, status smallint NOT NULL, root uuid NOT NULL, parent uuid, lane integer NOT NULL, prio integer NOT NULL, system text NOT NULL, usr text,
  start bytea NOT NULL, body bytea NOT NULL, journal bytea, PRIMARY KEY (run, day)) PARTITION BY RANGE (day);
CREATE INDEX ended_root ON ended (root) WHERE root <> run;
CREATE INDEX ended_parent ON ended (parent, run) WHERE parent IS NOT NULL;
CREATE INDEX ended_usr ON ended (system, usr, run) WHERE usr IS NOT NULL;
CREATE INDEX ended_failed ON ended (run) WHERE status = 4;
CREATE INDEX ended_cancelled ON ended (run) WHERE status = 5;
CREATE TABLE ended_never PARTITION OF ended FOR VALUES FROM (1000000) TO (MAXVALUE);
CREATE TABLE actions (id uuid PRIMARY KEY, system text NOT NULL, open boolean NOT NULL, body bytea NOT NULL);
CREATE INDEX actions_open ON actions (id) WHERE open;
CREATE INDEX actions_system ON actions (system, id);
CREATE TABLE schedules (id uuid PRIMARY KEY, system text NOT NULL, body bytea NOT NULL);
CREATE TABLE ledger (schedule uuid NOT NULL, due bigint NOT NULL, body bytea NOT NULL, PRIMARY KEY (schedule, due));
CREATE TABLE fired (schedule uuid NOT NULL, run uuid NOT NULL, PRIMARY KEY (schedule, run));
-- Runs whose live children are to end, but for those up to `after`, which have been asked.
CREATE TABLE doomed (run uuid PRIMARY KEY, after uuid NOT NULL, at bigint NOT NULL);
CREATE TABLE items (id uuid PRIMARY KEY, system text NOT NULL, root uuid NOT NULL, changed bigint NOT NULL, ended boolean NOT NULL, body bytea NOT NULL) WITH (fillfactor = 70);
CREATE INDEX items_changed ON items (system, changed);
CREATE INDEX items_root ON items (root);
CREATE TABLE shares (item uuid NOT NULL, run uuid NOT NULL, body bytea NOT NULL, PRIMARY KEY (item, run));
CREATE TABLE past (system text NOT NULL, workflow text NOT NULL, process text NOT NULL, at bigint NOT NULL, body bytea NOT NULL, PRIMARY KEY (system, workflow, process));
CREATE INDEX past_at ON past (at);
CREATE TABLE notifications (id uuid PRIMARY KEY, system text NOT NULL, usr text NOT NULL, came bigint NOT NULL, changed bigint NOT NULL, gone boolean NOT NULL DEFAULT false, body bytea NOT NULL);
CREATE INDEX notifications_usr ON notifications (system, usr, came) WHERE NOT gone;
CREATE INDEX notifications_changed ON notifications (system, usr, changed);
CREATE INDEX notifications_gone ON notifications (changed) WHERE gone;
-- `since` is when it became current last, microseconds, and `left_at` when another did.
CREATE TABLE versions (hash bytea PRIMARY KEY, system text NOT NULL, manifest bytea NOT NULL, since bigint NOT NULL, left_at bigint, about bytea NOT NULL);
CREATE INDEX versions_since ON versions (system, since, left_at);
-- Until which day what has ended needs a version.
CREATE TABLE pins (version bytea NOT NULL, day integer NOT NULL, PRIMARY KEY (version, day));
CREATE TABLE files (hash bytea PRIMARY KEY, bytes bytea NOT NULL);
CREATE TABLE systems (name text PRIMARY KEY, version bytea NOT NULL, folder bytea);
CREATE TABLE secrets (name text PRIMARY KEY, bytes bytea NOT NULL);
CREATE TABLE users (name text PRIMARY KEY, body bytea NOT NULL);
CREATE TABLE sessions (name bytea PRIMARY KEY, until bigint NOT NULL, body bytea NOT NULL);
CREATE INDEX sessions_until ON sessions (until);
CREATE TABLE pauses (system text NOT NULL, queue text NOT NULL, body bytea NOT NULL, PRIMARY KEY (system, queue));
CREATE TABLE trail (system text NOT NULL, id uuid NOT NULL, body bytea NOT NULL, PRIMARY KEY (system, id));
-- Processes that are there: a lease each, by this database's clock.
CREATE TABLE workers (worker bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lease_until timestamptz NOT NULL, name text NOT NULL, queues text NOT NULL DEFAULT '');
-- One row a transaction: that it was committed, and what it adds to the counters. Its process folds them into `counters` now and then: a row that
-- is changed a thousand times a second is slow to find beside a snapshot that stays open.
CREATE TABLE marks (worker bigint NOT NULL, n bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), accepted bigint NOT NULL, succeeded bigint NOT NULL, failed bigint NOT NULL, cancelled bigint NOT NULL, PRIMARY KEY (worker, n));
CREATE TABLE counters (accepted bigint NOT NULL, succeeded bigint NOT NULL, failed bigint NOT NULL, cancelled bigint NOT NULL);
INSERT INTO counters VALUES (0, 0, 0, 0);
-- Hosts that have limits: when the next call may begin, and what was promised to those who wait; and the calls that are under way.
CREATE TABLE hosts (host text PRIMARY KEY, next_us bigint NOT NULL DEFAULT 0, promised_us bigint NOT NULL DEFAULT 0, most bigint) WITH (fillfactor = 50);
CREATE TABLE slots (slot bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, host text NOT NULL, worker bigint NOT NULL);
CREATE INDEX slots_host ON slots (host);
-- Who is in line there, by place: standing in its process until then (state 0), away with its run parked (1), or called until then (2).
CREATE TABLE turns (host text NOT NULL, who uuid NOT NULL, n bigint NOT NULL, run uuid, worker bigint NOT NULL, state smallint NOT NULL, until_us bigint NOT NULL, PRIMARY KEY (host, who)) WITH (fillfactor = 50);
CREATE INDEX turns_place ON turns (host, n);
CREATE INDEX turns_state ON turns (host, state, n);
CREATE INDEX turns_run ON turns (run);
-- What has changed, for other processes: a hint. A crash may take it, and whoever missed something reads the states.
-- Numbered by a sequence of its own, which is logged: that of an unlogged table cannot be read once a standby has taken over
-- ("bad magic number in sequence", PostgreSQL 15).
CREATE SEQUENCE feed_numbers;
CREATE UNLOGGED TABLE feed (n bigint PRIMARY KEY DEFAULT nextval('feed_numbers'), worker bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), body bytea NOT NULL);
