-- +goose Up
-- Which process has a run that is under way, and when it said so last, by the database's clock, in microseconds of Unix.
ALTER TABLE run ADD COLUMN holder TEXT NOT NULL DEFAULT '', ADD COLUMN beat BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE run DROP COLUMN holder, DROP COLUMN beat;
