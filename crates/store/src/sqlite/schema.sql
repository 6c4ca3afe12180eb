-- Narrow tables: what a run was started with never changes, and where it stands lies apart. Ids begin with their time,
-- so that new rows go to the right edge of each table.
-- A row without a rowid is its own key: to find its way past one that does not fit into its page, SQLite reads it whole. So what is
-- longer than `NARROW_MAX` is NULL here and stands in `large`: beside thirty inputs of 6 MB a start read 1.3 MB.
CREATE TABLE runs (id BLOB PRIMARY KEY, start BLOB) WITHOUT ROWID;
-- Starts (0) and ends (1) that are long.
CREATE TABLE large (run BLOB NOT NULL, what INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (run, what));
CREATE VIEW starts AS SELECT id, coalesce(start, (SELECT bytes FROM large WHERE run = id AND what = 0)) AS start FROM runs;
-- Every run that has not ended: what a start of the process has to look at.
CREATE TABLE live (run BLOB PRIMARY KEY, cancel_at INTEGER, keep_children INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, started_at INTEGER,
  crashes INTEGER NOT NULL DEFAULT 0, alone INTEGER NOT NULL DEFAULT 0, worked INTEGER NOT NULL DEFAULT 0, stored INTEGER NOT NULL DEFAULT 0, parked_by INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
-- Live runs that hold no worker: they wait, or their next attempt is delayed. They are rows and nothing else.
CREATE TABLE parks (run BLOB PRIMARY KEY, root BLOB NOT NULL, status INTEGER NOT NULL, wake_at INTEGER, host TEXT) WITHOUT ROWID;
CREATE INDEX parks_wake ON parks (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX parks_root ON parks (root);
-- Which parked runs wait for the end of which others.
CREATE TABLE awaits (awaited BLOB NOT NULL, run BLOB NOT NULL, n INTEGER NOT NULL, any INTEGER NOT NULL, PRIMARY KEY (awaited, run, n)) WITHOUT ROWID;
CREATE INDEX awaits_run ON awaits (run, n);
-- The newest run with a unique key; a row may outlive its run, to the end of `for`.
CREATE TABLE uniques (system TEXT NOT NULL, workflow TEXT NOT NULL, key TEXT NOT NULL, run BLOB NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (system, workflow, key)) WITHOUT ROWID;
-- A body that is NULL has been taken: the row says that there was one.
CREATE TABLE signals (run BLOB NOT NULL, name TEXT NOT NULL, body BLOB, PRIMARY KEY (run, name));
-- Requests with an Idempotency-Key: until there is an answer, the run that is worked for one.
CREATE TABLE once (name BLOB PRIMARY KEY, body BLOB NOT NULL, run BLOB, at INTEGER NOT NULL, answer BLOB);
CREATE INDEX once_at ON once (at);
-- A few last entries of its journal lie here: a row less for each run.
CREATE TABLE ends (run BLOB PRIMARY KEY, status INTEGER NOT NULL, body BLOB, at INTEGER, count INTEGER, bytes BLOB) WITHOUT ROWID;
CREATE VIEW ended AS SELECT run, status, coalesce(body, (SELECT bytes FROM large WHERE large.run = ends.run AND what = 1)) AS body FROM ends;
-- What failed (4) or was cancelled (5), the dead letters, among all that went well.
CREATE INDEX ends_failed ON ends (run) WHERE status = 4;
CREATE INDEX ends_cancelled ON ends (run) WHERE status = 5;
-- What is done to many runs at once.
CREATE TABLE actions (id BLOB PRIMARY KEY, system TEXT NOT NULL, open INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX actions_open ON actions (id) WHERE open = 1;
CREATE INDEX actions_system ON actions (system, id);
-- What is due by the clock, what became of each due time, and the runs of each schedule that may live.
CREATE TABLE schedules (id BLOB PRIMARY KEY, system TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE ledger (schedule BLOB NOT NULL, due INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (schedule, due)) WITHOUT ROWID;
CREATE TABLE fired (schedule BLOB NOT NULL, run BLOB NOT NULL, PRIMARY KEY (schedule, run)) WITHOUT ROWID;
-- When each ended run may go.
CREATE TABLE expires (at INTEGER NOT NULL, run BLOB NOT NULL, PRIMARY KEY (at, run)) WITHOUT ROWID;
CREATE TABLE children (parent BLOB NOT NULL, run BLOB NOT NULL, PRIMARY KEY (parent, run)) WITHOUT ROWID;
-- Runs whose live children are to end, but for those up to `after`, which have been asked.
CREATE TABLE doomed (run BLOB PRIMARY KEY, after BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE mine (system TEXT NOT NULL, user TEXT NOT NULL, run BLOB NOT NULL, PRIMARY KEY (system, user, run)) WITHOUT ROWID;
-- Chunks are long: with a rowid whoever looks for a run reads keys.
CREATE TABLE journal (run BLOB NOT NULL, at INTEGER NOT NULL, count INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (run, at));
CREATE TABLE checkpoints (run BLOB NOT NULL, at INTEGER NOT NULL, bytes BLOB NOT NULL, needs BLOB NOT NULL, PRIMARY KEY (run, at));
-- Large values of checkpoints, each once a run; a checkpoint's `needs` are their hashes, one after the other. Rows are
-- large: with a rowid, what only looks for hashes reads the index alone.
CREATE TABLE blobs (run BLOB NOT NULL, hash BLOB NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (run, hash));
CREATE TABLE logs (n INTEGER PRIMARY KEY, run BLOB NOT NULL, line BLOB NOT NULL);
CREATE INDEX logs_run ON logs (run, n);
CREATE TABLE items (id BLOB PRIMARY KEY, system TEXT NOT NULL, root BLOB NOT NULL, changed INTEGER NOT NULL, ended INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX items_changed ON items (system, changed);
CREATE INDEX items_root ON items (root);
-- What each run has put into an item: apart, as there may be many.
CREATE TABLE shares (item BLOB NOT NULL, run BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (item, run)) WITHOUT ROWID;
-- How long the newest items of a kind took that ended well.
CREATE TABLE past (system TEXT NOT NULL, workflow TEXT NOT NULL, process TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (system, workflow, process)) WITHOUT ROWID;
CREATE INDEX past_at ON past (at);
-- `came` never changes: the list of a person is in that order. One that is gone has left the list.
CREATE TABLE notifications (id BLOB PRIMARY KEY, system TEXT NOT NULL, user TEXT NOT NULL, came INTEGER NOT NULL, changed INTEGER NOT NULL,
  gone INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX notifications_user ON notifications (system, user, came) WHERE gone = 0;
CREATE INDEX notifications_changed ON notifications (system, user, changed);
CREATE INDEX notifications_gone ON notifications (changed) WHERE gone = 1;
-- `runs` are pinned to it, ended ones too; `since` is when it became current last, microseconds, and `left_at` when another did.
CREATE TABLE versions (hash BLOB PRIMARY KEY, system TEXT NOT NULL, manifest BLOB NOT NULL, runs INTEGER NOT NULL DEFAULT 0,
  since INTEGER NOT NULL, left_at INTEGER, about BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX versions_since ON versions (system, since, left_at);
-- Live runs, counted.
CREATE TABLE pinned (system TEXT NOT NULL, version BLOB NOT NULL, workflow TEXT NOT NULL, runs INTEGER NOT NULL,
  PRIMARY KEY (system, version, workflow)) WITHOUT ROWID;
CREATE TABLE files (hash BLOB PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE systems (name TEXT PRIMARY KEY, version BLOB NOT NULL, folder BLOB) WITHOUT ROWID;
CREATE TABLE secrets (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE users (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (name BLOB PRIMARY KEY, until INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX sessions_until ON sessions (until);
CREATE TABLE pauses (system TEXT NOT NULL, queue TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (system, queue)) WITHOUT ROWID;
-- Who did what; '' is the installation itself.
CREATE TABLE trail (system TEXT NOT NULL, id BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (system, id)) WITHOUT ROWID;
