-- +goose Up
CREATE TABLE meta (
    name  text PRIMARY KEY,
    value bytea NOT NULL -- sealed
);

CREATE TABLE subject (
    id          bytea PRIMARY KEY CHECK (length(id) = 16),
    study_hash  bytea NOT NULL CHECK (length(study_hash) = 32),
    number_hash bytea NOT NULL UNIQUE CHECK (length(number_hash) = 32),
    number      bytea NOT NULL, -- sealed, as the columns below
    site        bytea NOT NULL,
    secret      bytea NOT NULL,
    origin      bytea NOT NULL
);

CREATE INDEX subject_study ON subject (study_hash);

CREATE TABLE identity (
    hash    bytea PRIMARY KEY CHECK (length(hash) = 32),
    subject bytea NOT NULL REFERENCES subject (id) ON DELETE CASCADE
);

CREATE INDEX identity_subject ON identity (subject);

-- +goose Down
DROP TABLE identity;
DROP TABLE subject;
DROP TABLE meta;
