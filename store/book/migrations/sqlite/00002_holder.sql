-- +goose Up
-- Which process has a run that is under way, and when it said so last, in microseconds of Unix.
ALTER TABLE run ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN beat INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE run DROP COLUMN holder;
ALTER TABLE run DROP COLUMN beat;
