-- +goose Up
-- Rises with every change of what is delivered: of a subject, or of a cell.
CREATE TABLE revision (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  n  BIGINT NOT NULL
);

-- What an output was left with, in the words of pipeline. No patient.
CREATE TABLE output (
  name TEXT COLLATE "C" PRIMARY KEY,
  text TEXT NOT NULL
);

-- +goose Down
DROP TABLE output, revision;
