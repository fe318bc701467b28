-- +goose Up
-- Who was given an output: a target, or the imaging sessions. No patient.
CREATE TABLE recipient (
  output TEXT NOT NULL,
  name   TEXT NOT NULL,
  first  INTEGER NOT NULL,            -- run
  last   INTEGER NOT NULL,            -- run
  PRIMARY KEY (output, name)
) STRICT, WITHOUT ROWID;

-- The study number of a subject who withdrew, for as long as somebody has to do something about it.
CREATE TABLE withdrawn (
  withdrawal INTEGER PRIMARY KEY,     -- entry of the journal of withdrawals
  number     TEXT NOT NULL
) STRICT;

-- How much of the journal of withdrawals this ledger has seen.
CREATE TABLE journal (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  entries INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE journal;
DROP TABLE withdrawn;
DROP TABLE recipient;
