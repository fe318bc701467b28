package wire

import (
	"context"
	"errors"
	"io"
	"net/url"
	"time"
)

// errIdle is why an attempt ends whose server has fallen silent.
var errIdle = errors.New("the server fell silent")

// idle ends a context when nothing was read for a while.
type idle struct {
	timer  *time.Timer
	after  time.Duration
	cancel context.CancelCauseFunc
}

func withIdle(ctx context.Context, after time.Duration) (context.Context, *idle) {
	ctx, cancel := context.WithCancelCause(ctx)
	i := &idle{after: after, cancel: cancel}
	i.timer = time.AfterFunc(after, func() { cancel(errIdle) })
	return ctx, i
}

func (i *idle) heard() { i.timer.Reset(i.after) }

func (i *idle) stop() {
	i.timer.Stop()
	i.cancel(nil)
}

// cause tells a silent server from other reasons why a request was cancelled.
func (i *idle) cause(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errIdle) {
		return errIdle
	}
	return err
}

// watchedBody bounds an answer in length and silence.
type watchedBody struct {
	in   io.Reader
	idle *idle
	left int64
	err  error // what reading failed with
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.in.Read(p)
	if n > 0 {
		b.idle.heard()
	}
	if b.left -= int64(n); b.left < 0 {
		b.err = ErrTooLarge
		return 0, b.err
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// withoutURL returns the cause inside an error of net/http, which would print the whole URL.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
