package report

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/crflink/crflink/internal/shared"
)

const chromium = "/usr/bin/chromium"

// browser is a real Chromium, with what it complained about and asked for.
type browser struct {
	ctx      context.Context
	mu       sync.Mutex
	trouble  []string
	requests []string
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	if _, err := os.Stat(chromium); err != nil {
		if os.Getenv(shared.EnvRequire) == "all" {
			t.Fatalf("Chromium is required (%s=all): %v", shared.EnvRequire, err)
		}
		t.Skipf("no Chromium: %v", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(60*time.Second))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	b.run(t, command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{}), command(runtime.Enable, cdp.Empty{}))
	return b
}

// command makes a step of a command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		b.trouble = append(b.trouble, fmt.Sprintf("console %s", e.Type))
	case *runtime.EventExceptionThrown:
		b.trouble = append(b.trouble, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.trouble = append(b.trouble, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

func (b *browser) run(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// load writes the page to a file and opens it. Nothing else may be asked for, and nothing complained about.
func (b *browser) load(t *testing.T, r Run) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(asHTML(t, r)), 0o600); err != nil {
		t.Fatal(err)
	}
	address := (&url.URL{Scheme: "file", Path: path}).String()
	b.mu.Lock()
	b.trouble, b.requests = nil, nil
	b.mu.Unlock()
	b.run(t, chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("footer")))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.trouble {
		t.Errorf("the browser complains: %s", s)
	}
	if len(b.requests) != 1 || b.requests[0] != address {
		t.Errorf("want the file alone to be asked for, got %d requests: %q", len(b.requests), b.requests)
	}
}

// eval returns the value of a script.
func eval[T any](t *testing.T, b *browser, script string) T {
	t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func scheme(name string) chromedp.Action[chromedp.Void] {
	return command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
}

// faint lists texts whose contrast with their background is below 4.5 (WCAG 2.1, 1.4.3), large ones below 3.
const faint = `(() => {
  const rgb = s => (s.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const lum = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2] };
  const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c } return [255, 255, 255] };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; n = walk.nextNode();) {
    const e = n.parentElement;
    if (!n.data.trim() || !e.getClientRects().length || e.closest('.hidden,.skip,title,desc')) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    const a = lum(rgb(e.closest('svg') ? style.fill : style.color)), b = lum(back(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < (size >= 24 ? 3 : 4.5)) bad.push(e.tagName + '.' + e.getAttribute('class') + ' ' + ratio.toFixed(2) + ' ' + n.data.trim().slice(0, 30));
  }
  return [...new Set(bad)];
})()`

// nameless lists elements that a screen reader could not name.
const nameless = `[...document.querySelectorAll('a,svg[role=img],section,[role=region],table,figure svg')].filter(e => {
  const by = e.getAttribute('aria-labelledby');
  const name = e.getAttribute('aria-label') || (by && by.split(' ').map(i => document.getElementById(i)?.textContent || '').join('')) ||
    (e.matches('a') && e.textContent) || e.querySelector('caption')?.textContent || (e.matches('table') && e.closest('[role=region],section'));
  return !name;
}).map(e => e.outerHTML.slice(0, 80))`

func TestAnEverydayReportInARealBrowser(t *testing.T) {
	b := openBrowser(t)
	r := demoRun()
	b.load(t, r)
	items := 0
	for _, f := range r.Forms {
		items += len(f.Items)
	}
	tiles := eval[int](t, b, `document.querySelectorAll('.heat .tile').length`)
	named := eval[int](t, b, `[...document.querySelectorAll('.heat .tile')].filter(e => e.title && e.getAttribute('aria-label') && document.querySelector(e.getAttribute('href'))).length`)
	rows := eval[int](t, b, `document.querySelectorAll('.items tbody tr:not(.group)').length`)
	if tiles != items || named != items || rows != items {
		t.Errorf("%d items have %d tiles, %d of them named and leading somewhere, and %d rows", items, tiles, named, rows)
	}
	lost := eval[[]string](t, b, nameless)
	if len(lost) != 0 {
		t.Errorf("without an accessible name: %q", lost)
	}
	heading := eval[string](t, b, `document.querySelector('h1').textContent`)
	if heading != r.Study.Title {
		t.Errorf("the heading is %q", heading)
	}
	for _, width := range []int64{360, 768, 1280} {
		b.run(t, chromedp.EmulateViewport(width, 900))
		overflow := eval[int](t, b, `Math.max(0, document.documentElement.scrollWidth - innerWidth)`)
		if overflow > 0 {
			t.Errorf("at a width of %d the page is %d pixels too wide", width, overflow)
		}
	}
	for _, name := range []string{"light", "dark"} {
		b.run(t, scheme(name))
		texts := eval[[]string](t, b, faint)
		if len(texts) != 0 {
			t.Errorf("too faint in the %s colours: %q", name, texts)
		}
		b.picture(t, "report-"+name+".png")
	}
	b.paper(t)
}

// picture keeps an image of the page for a person, where CRFLINK_PICTURES names a folder.
func (b *browser) picture(t *testing.T, name string) {
	t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if len(png) < 20_000 {
		t.Errorf("%s has %d bytes: the page is blank", name, len(png))
	}
	b.keep(t, name, png)
}

func (b *browser) keep(t *testing.T, name string, content []byte) {
	t.Helper()
	if dir := os.Getenv("CRFLINK_PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Error(err)
		}
	}
}

func (b *browser) paper(t *testing.T) {
	t.Helper()
	b.run(t, scheme("light"), chromedp.EmulateViewport(390, 844))
	b.picture(t, "report-narrow.png")
	b.run(t, command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}), chromedp.EmulateViewport(760, 1100))
	b.picture(t, "report-print.png")
	prefer := true
	printed, err := chromedp.Run(b.ctx, func(ctx context.Context, target *chromedp.Target) (page.PrintToPDFResult, error) {
		return cdp.Call(ctx, target, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &prefer})
	})
	if err != nil {
		t.Fatal(err)
	}
	pdf := printed.Data
	if len(pdf) < 10_000 {
		t.Errorf("the printed report has %d bytes", len(pdf))
	}
	b.keep(t, "report.pdf", pdf)
}

func TestHostileTextRunsNothingInARealBrowser(t *testing.T) {
	b := openBrowser(t)
	for i, s := range hostile {
		b.load(t, hostileRun(s))
		scripts := eval[int](t, b, `document.scripts.length + document.images.length + document.querySelectorAll('[onload],[onerror],iframe,object,embed').length`)
		if overflow := eval[int](t, b, `Math.max(0, document.documentElement.scrollWidth - innerWidth)`); overflow > 0 {
			t.Errorf("hostile text %d makes the page %d pixels too wide", i, overflow)
		}
		if scripts != 0 {
			t.Errorf("hostile text %d made %d active elements", i, scripts)
		}
	}
}

func TestOddReportsLookWholeInARealBrowser(t *testing.T) {
	b := openBrowser(t)
	none := demoRun()
	none.Policy, none.DryRun, none.Verdict = Policy{Kind: "none"}, true, Verdict{Exit: 4}
	for name, r := range map[string]Run{"empty": {}, "no consent": none, "suppressed": demoRun().Suppress()} {
		b.load(t, r)
		texts := eval[[]string](t, b, faint)
		if len(texts) != 0 {
			t.Errorf("%s: too faint: %q", name, texts)
		}
		b.picture(t, name+".png")
	}
}
