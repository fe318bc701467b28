package river

import (
	"context"
	"time"
)

// Standing is how the shards of the study's run under way stand, and who takes part.
type Standing struct {
	Waiting int           // for a process, those included that are not given out yet
	Running int           // at a process
	Done    int           // stored
	GivenUp int           // after too many attempts
	Oldest  time.Duration // how long the one has waited that waits longest since it was given out
	Workers int           // processes that were there lately
	Lost    int           // that this process has given up since it was started
}

// absent is after how many beats a process that says nothing is not there any more.
const absent = 3

// Standing looks how the run stands. Without a run under way all shards are 0.
func (s *Station) Standing(ctx context.Context) (n Standing, err error) {
	var oldest float64
	err = s.pool.QueryRow(ctx, `WITH shard AS (
			SELECT o.harvest IS NOT NULL AS done, o.closed AND o.epoch = r.epoch AS given_up, NOT o.closed AND o.harvest IS NULL AND j.state = 'running' AS running,
				NOT o.closed AND o.harvest IS NULL AND j.state IS DISTINCT FROM 'running' AS waiting, now() - o.offered AS age
			FROM shard_run r JOIN shard_offer o ON o.run = r.run LEFT JOIN river_job j ON j.id = o.job)
		SELECT count(*) FILTER (WHERE waiting) + coalesce((SELECT ahead FROM shard_call), 0), count(*) FILTER (WHERE running), count(*) FILTER (WHERE done),
			count(*) FILTER (WHERE given_up), coalesce(extract(epoch FROM max(age) FILTER (WHERE waiting)), 0)::float8,
			(SELECT count(*) FROM shard_process WHERE seen > now() - $1 * interval '1 microsecond') FROM shard`, (absent*s.options.Beat).Microseconds()).
		Scan(&n.Waiting, &n.Running, &n.Done, &n.GivenUp, &oldest, &n.Workers)
	n.Lost = int(s.lost.Load())
	n.Oldest = time.Duration(oldest * float64(time.Second))
	return n, told(err)
}

// present says that this process is there, and forgets those that have not been for long.
func (s *Station) present(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `WITH gone AS (DELETE FROM shard_process WHERE seen < now() - interval '1 day')
		INSERT INTO shard_process (id, seen) VALUES ($1, now()) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen`, s.id)
	return told(err)
}

// leave says that this process is there no more.
func (s *Station) leave(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "DELETE FROM shard_process WHERE id = $1", s.id)
	return told(err)
}
