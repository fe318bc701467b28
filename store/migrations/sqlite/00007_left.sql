-- +goose Up
-- Rises with every change of what is delivered: of a subject, or of a cell.
CREATE TABLE revision (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  n  INTEGER NOT NULL
) STRICT;
INSERT INTO revision (id, n) VALUES (1, 0);

-- What an output was left with, in the words of pipeline. No patient.
CREATE TABLE output (
  name TEXT PRIMARY KEY,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE output;
DROP TABLE revision;
