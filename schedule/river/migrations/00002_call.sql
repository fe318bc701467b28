-- +goose Up
-- The newest leader's word to all, and what it has not given out yet.
CREATE TABLE shard_call (
  one   BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
  nth   BIGINT NOT NULL,              -- rises with every run that begins
  ahead BIGINT NOT NULL DEFAULT 0     -- shards that are not given out yet
);

-- Processes that take part.
CREATE TABLE shard_process (
  id   TEXT COLLATE "C" PRIMARY KEY,  -- by chance
  seen TIMESTAMPTZ NOT NULL
);

ALTER TABLE shard_run ADD COLUMN call BIGINT NOT NULL DEFAULT 0;
ALTER TABLE shard_offer ADD COLUMN taken BOOLEAN NOT NULL DEFAULT FALSE; -- the leader has taken it up
ALTER TABLE shard_offer ADD COLUMN offered TIMESTAMPTZ NOT NULL DEFAULT now();

-- +goose Down
ALTER TABLE shard_offer DROP COLUMN offered;
ALTER TABLE shard_offer DROP COLUMN taken;
ALTER TABLE shard_run DROP COLUMN call;
DROP TABLE shard_process;
DROP TABLE shard_call;
