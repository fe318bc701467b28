-- +goose Up
-- Up to when a source was read, in the words of pipeline. It moves when everything that was read until then has been delivered.
CREATE TABLE watermark (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  text TEXT NOT NULL
) STRICT;

-- What a casebook was computed from, as far as a source can be asked whether it still is so: numbers and keyed digests.
CREATE TABLE seen (
  subject INTEGER PRIMARY KEY REFERENCES subject (id) ON DELETE CASCADE,
  text    TEXT NOT NULL
) STRICT;

-- +goose Down
DROP TABLE seen;
DROP TABLE watermark;
