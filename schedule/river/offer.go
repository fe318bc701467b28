package river

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crflink/crflink/pipeline"
)

// offer is an attempt at a shard.
type offer struct {
	shardArgs
	attempt int64
	piece   []byte
	done    *pipeline.ShardResult
}

var (
	errOver   = errors.New("the run is over, or another leader has it, or the shard is done")
	errFenced = errors.New("another attempt has the shard, or the run is over")
)

// terms returns what all shards of a run have in common, and with which call it began.
func (s *Station) terms(ctx context.Context, at atWork) (sealed []byte, call int64, err error) {
	err = s.pool.QueryRow(ctx, "SELECT terms, call FROM shard_run WHERE run = $1 AND epoch = $2", at.run, at.epoch).Scan(&sealed, &call)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, errOver
	}
	return sealed, call, told(err)
}

// take begins an attempt. From now on every earlier one is fenced.
func (s *Station) take(ctx context.Context, args shardArgs, job int64) (*offer, error) {
	o := &offer{shardArgs: args}
	err := s.pool.QueryRow(ctx, `UPDATE shard_offer SET attempt = attempt + 1, beat = now()
		WHERE run = $1 AND epoch = $2 AND shard = $3 AND job = $4 AND harvest IS NULL AND NOT closed RETURNING attempt, piece`, args.Run, args.Epoch, args.Shard, job).Scan(&o.attempt, &o.piece)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errOver
	}
	return o, told(err)
}

// newest is the condition that an attempt is the newest of its shard, and its leader that of the run.
const newest = `run = $1 AND epoch = $2 AND shard = $3 AND attempt = $4 AND harvest IS NULL AND NOT closed`

func (s *Station) beatOnce(ctx context.Context, o *offer) error {
	t, err := s.pool.Exec(ctx, "UPDATE shard_offer SET beat = now() WHERE "+newest, o.Run, o.Epoch, o.Shard, o.attempt)
	if err == nil && t.RowsAffected() == 0 {
		return errFenced
	}
	return told(err)
}

// note says why an attempt failed, so that it is not taken for one that killed its process.
func (s *Station) note(ctx context.Context, o *offer, reason error) error {
	_, err := s.pool.Exec(ctx, "UPDATE shard_offer SET failed = failed + 1, reason = $5 WHERE "+newest, o.Run, o.Epoch, o.Shard, o.attempt, reason.Error())
	return told(err)
}

// fence lets an attempt store its shard if nobody has come after it. A leader that takes the run over meanwhile waits for the end of
// the transaction.
func (s *Station) fence(ctx context.Context, tx pgx.Tx, o *offer, sealed []byte) error {
	var epoch int64
	err := tx.QueryRow(ctx, "SELECT epoch FROM shard_run WHERE run = $1 FOR SHARE", o.Run).Scan(&epoch)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && epoch != o.Epoch:
		return errFenced
	case err != nil:
		return told(err)
	}
	t, err := tx.Exec(ctx, "UPDATE shard_offer SET harvest = $5, piece = '' WHERE "+newest, o.Run, o.Epoch, o.Shard, o.attempt, sealed)
	if err == nil && t.RowsAffected() == 0 {
		return errFenced
	}
	return told(err)
}

// told is a failure of the database.
func told(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the distribution of shards: %w", err)
}
