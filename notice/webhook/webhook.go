// Package webhook posts notices as JSON, as chat programs and ticket systems take them.
package webhook

import (
	"context"
	"encoding/json"
	"time"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/notice"
)

// Way posts to one address.
type Way struct{ hook *wire.Hook }

var _ notice.Way = (*Way)(nil)

// New prepares. Nothing is sent.
func New(o wire.Options, address wire.Secret) (*Way, error) {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	hook, err := wire.NewHook(o, address)
	if err != nil {
		return nil, err
	}
	return &Way{hook}, nil
}

// Name returns webhook.
func (*Way) Name() string { return "webhook" }

// Send posts a notice: title and text as one in text, where chat programs look for it, and every part by its name.
func (w *Way) Send(ctx context.Context, n notice.Notice) error {
	body, err := json.Marshal(struct {
		notice.Notice
		Text string `json:"text"`
	}{n, n.Title + "\n" + n.Text})
	if err != nil {
		return err
	}
	return w.hook.Post(ctx, body)
}

// Close closes idle connections.
func (w *Way) Close() error {
	w.hook.Close()
	return nil
}
