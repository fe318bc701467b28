-- +goose Up
CREATE TABLE job (
	name TEXT PRIMARY KEY,
	planned INTEGER NOT NULL DEFAULT 0, -- until when its nights are entered, in microseconds of Unix
	pause_since INTEGER NOT NULL DEFAULT 0,
	pause_by TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE run (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	job TEXT NOT NULL,
	nominal TEXT NOT NULL,
	asked INTEGER NOT NULL,
	actor TEXT NOT NULL,
	due INTEGER NOT NULL,
	begins INTEGER NOT NULL,
	state TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	started INTEGER NOT NULL DEFAULT 0,
	ended INTEGER NOT NULL DEFAULT 0,
	code INTEGER NOT NULL DEFAULT 0,
	note TEXT NOT NULL DEFAULT '',
	covered INTEGER NOT NULL DEFAULT 0,
	report BLOB,
	UNIQUE (job, nominal)
) STRICT;

CREATE INDEX run_state ON run (state);

-- +goose Down
DROP TABLE run;
DROP TABLE job;
