-- +goose Up
-- A run whose shards are given out. Every leader raises the epoch; what was given out before is void.
CREATE TABLE shard_run (
  run   BIGINT PRIMARY KEY,
  epoch BIGINT NOT NULL,
  terms BYTEA NOT NULL                -- sealed
);

CREATE TABLE shard_offer (
  run     BIGINT NOT NULL REFERENCES shard_run (run) ON DELETE CASCADE,
  shard   TEXT COLLATE "C" NOT NULL,
  epoch   BIGINT NOT NULL,
  job     BIGINT NOT NULL DEFAULT 0,  -- the newest; others may not try any more
  attempt BIGINT NOT NULL DEFAULT 0,  -- the newest; it never falls
  failed  BIGINT NOT NULL DEFAULT 0,  -- attempts that said why they failed
  lost    BIGINT NOT NULL DEFAULT 0,  -- attempts that ended without a word
  reason  TEXT NOT NULL DEFAULT '',   -- the newest of them
  beat    TIMESTAMPTZ,                -- when the newest attempt was last seen at work
  closed  BOOLEAN NOT NULL DEFAULT FALSE,
  piece   BYTEA NOT NULL,             -- sealed; emptied when the shard is stored
  harvest BYTEA,                      -- sealed; there when the shard is stored
  PRIMARY KEY (run, shard)
);

-- +goose Down
DROP TABLE shard_offer;
DROP TABLE shard_run;
