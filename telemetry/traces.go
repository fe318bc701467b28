package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/schedule"
)

// Traces shows where the time of runs goes. The zero value shows nothing.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// NewTraces sends traces to an OTLP collector by HTTP. What it cannot take is dropped: no run waits for it.
func NewTraces(ctx context.Context, endpoint, version string) (*Traces, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("the collector of traces is an absolute URL without user and password")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("the collector of traces: %w", err)
	}
	return newTraces(exporter, version), nil
}

func newTraces(exporter sdk.SpanExporter, version string) *Traces {
	// The resource is built by hand: detectors would tell host and account.
	about := resource.NewSchemaless(attribute.String("service.name", "crflink"), attribute.String("service.version", version))
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Traces{p, p.Tracer("crflink")}
}

// Close sends what waits.
func (t *Traces) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Watch is a run that is watched. It is the run's progress.
type Watch struct {
	ctx    context.Context //nolint:containedctx // the run's span lives in it
	tracer trace.Tracer
	run    trace.Span

	mu    sync.Mutex
	stage trace.Span
	at    context.Context //nolint:containedctx // the stage's span lives in it
	count int
}

// Run begins to watch a run. The context that it returns has every request told: as a span, and to requested.
func (t *Traces) Run(ctx context.Context, r schedule.Run, requested func(wire.Observed)) (context.Context, *Watch) {
	w := &Watch{tracer: t.tracer}
	if t.tracer != nil {
		ctx, w.run = t.tracer.Start(ctx, "run", trace.WithNewRoot(), trace.WithAttributes(
			attribute.String("crflink.study", r.Job), attribute.Int64("crflink.run", r.ID), attribute.Int("crflink.attempt", r.Attempt)))
	}
	w.ctx, w.at = ctx, ctx
	return wire.WithObserver(ctx, func(o wire.Observed) { requested(o); w.request(o) }), w
}

// Stage begins a stage.
func (w *Watch) Stage(name string, _ int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endStage()
	if w.run != nil {
		w.at, w.stage = w.tracer.Start(w.ctx, "stage "+name)
	}
}

// Add counts what the stage has worked off.
func (w *Watch) Add(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count += n
}

func (w *Watch) endStage() {
	if w.stage != nil {
		w.stage.SetAttributes(attribute.Int("crflink.count", w.count))
		w.stage.End()
	}
	w.stage, w.at, w.count = nil, w.ctx, 0
}

func (w *Watch) request(o wire.Observed) {
	if w.run == nil {
		return
	}
	w.mu.Lock()
	at := w.at
	w.mu.Unlock()
	_, span := w.tracer.Start(at, o.Method+" "+o.Type, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(o.Begun), trace.WithAttributes(
		attribute.String("server.address", o.Host), attribute.String("http.request.method", o.Method),
		attribute.String("crflink.type", o.Type), attribute.Int("http.response.status_code", o.Status), attribute.Int("crflink.attempt", o.Number)))
	if o.Status < 200 || o.Status > 299 {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(o.Begun.Add(o.Took)))
}

// Done ends the run's last stage.
func (w *Watch) Done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endStage()
}

// End says how the run ended. Its note stays out: spans go to others than the book does.
func (w *Watch) End(result schedule.Result) {
	w.Done()
	if w.run == nil {
		return
	}
	w.run.SetAttributes(attribute.String("crflink.state", string(result.State)), attribute.Int("crflink.exit", result.Exit))
	if result.State != schedule.Done {
		w.run.SetStatus(codes.Error, "")
	}
	w.run.End()
}
