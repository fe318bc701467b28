-- +goose Up
-- What was about to be written when a delivery stopped, and the number by which the target knows a repeating form.
ALTER TABLE delivery ADD COLUMN sent TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN instance INTEGER NOT NULL DEFAULT 0;

-- What a person has to settle about a cell of a target; one per cell and cause.
CREATE TABLE query (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  subject  INTEGER NOT NULL,
  target   INTEGER NOT NULL,          -- word
  slot     INTEGER NOT NULL,
  repeat   INTEGER NOT NULL,
  cause    TEXT NOT NULL,
  state    TEXT NOT NULL,
  assignee TEXT NOT NULL DEFAULT '',
  stored   TEXT NOT NULL,             -- in the target
  incoming TEXT NOT NULL,             -- from the source
  UNIQUE (subject, target, slot, repeat, cause)
) STRICT;

CREATE TABLE query_step (
  query INTEGER NOT NULL REFERENCES query (id) ON DELETE CASCADE,
  n     INTEGER NOT NULL,
  at    TEXT NOT NULL,                -- RFC 3339, UTC
  by    TEXT NOT NULL,                -- '': a delivery
  did   TEXT NOT NULL,
  text  TEXT NOT NULL,
  PRIMARY KEY (query, n)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE query_step;
DROP TABLE query;
ALTER TABLE delivery DROP COLUMN instance;
ALTER TABLE delivery DROP COLUMN sent;
