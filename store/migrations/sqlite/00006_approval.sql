-- +goose Up
-- Which mapping may change what people work with, and who said so. No patient.
CREATE TABLE approval (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  at       TEXT NOT NULL,             -- RFC 3339, UTC
  mapping  TEXT NOT NULL,             -- hash
  author   TEXT NOT NULL,
  approver TEXT NOT NULL,             -- '': nobody, the mapping of the first delivery
  reason   TEXT NOT NULL,
  rules    TEXT NOT NULL              -- JSON object: hash by form.item
) STRICT;

-- +goose Down
DROP TABLE approval;
