-- +goose Up
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL -- sealed
) STRICT, WITHOUT ROWID;

CREATE TABLE subject (
    id          BLOB PRIMARY KEY CHECK (length(id) = 16),
    study_hash  BLOB NOT NULL CHECK (length(study_hash) = 32),
    number_hash BLOB NOT NULL UNIQUE CHECK (length(number_hash) = 32),
    number      BLOB NOT NULL, -- sealed, as the columns below
    site        BLOB NOT NULL,
    secret      BLOB NOT NULL,
    origin      BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX subject_study ON subject (study_hash);

CREATE TABLE identity (
    hash    BLOB PRIMARY KEY CHECK (length(hash) = 32),
    subject BLOB NOT NULL REFERENCES subject (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_subject ON identity (subject);

-- +goose Down
DROP TABLE identity;
DROP TABLE subject;
DROP TABLE meta;
