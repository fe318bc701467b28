package river

import (
	"context"
	"math/rand/v2"

	"github.com/jackc/pgx/v5/pgxpool"
)

// slot is the right to have one shard computed of the study's server. It is an advisory lock: the database gives it back when the
// process dies.
type slot struct{ conn *pgxpool.Conn }

const slotLock = "hashtext('crflink server ' || $1), $2"

// takeSlot returns nil when as many shards as the server may bear are computed already, in whatever process.
func (s *Station) takeSlot(ctx context.Context) (*slot, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, told(err)
	}
	held := &slot{conn}
	if ok, err := held.of(ctx, s.server, s.options.AtSource); err != nil || !ok {
		held.giveBack()
		return nil, told(err)
	}
	return held, nil
}

// of takes a slot of the server. The search begins anywhere, so that processes do not stand in each other's way.
func (h *slot) of(ctx context.Context, server string, slots int) (ok bool, err error) {
	first := rand.IntN(slots) // #nosec G404 -- any will do
	for i := range slots {
		if err = h.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock("+slotLock+")", server, (first+i)%slots).Scan(&ok); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// giveBack gives the slot back, with the connection when that is not sure.
func (h *slot) giveBack() {
	ctx, cancel := context.WithTimeout(context.Background(), giveBackTimeout)
	defer cancel()
	if _, err := h.conn.Exec(ctx, "SELECT pg_advisory_unlock_all()"); err != nil {
		_ = h.conn.Conn().Close(ctx) // the server lets go of the locks of a connection that is gone
	}
	h.conn.Release()
}
