package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/crflink/crflink/ecrf"
	"github.com/jmoiron/sqlx"
)

// words is the table word in memory: the vocabulary of the configuration as integers. Whoever changes the ledger reads ids;
// others take a copy of the texts.
type words struct {
	ids map[string]int64

	mu    sync.Mutex
	texts []string // by id
}

func (w *words) load(ctx context.Context, db *sqlx.DB) error {
	var rows []struct {
		ID   int64  `db:"id"`
		Text string `db:"text"`
	}
	if err := db.SelectContext(ctx, &rows, "SELECT id, text FROM word"); err != nil {
		return err
	}
	w.ids = make(map[string]int64, len(rows))
	w.mu.Lock()
	w.texts = nil
	w.mu.Unlock()
	for _, r := range rows {
		w.add(r.ID, r.Text)
	}
	return nil
}

func (w *words) add(id int64, text string) {
	w.ids[text] = id
	w.mu.Lock()
	defer w.mu.Unlock()
	if missing := int(id) + 1 - len(w.texts); missing > 0 {
		w.texts = append(w.texts, make([]string, missing)...)
	}
	w.texts[id] = text
}

// vocabulary is the texts of words by their id, as they were at some time: ids do not change their meaning.
type vocabulary []string

func (w *words) vocabulary() vocabulary {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.texts[:len(w.texts):len(w.texts)]
}

// of returns the text of a word, "" for an id that the vocabulary does not have.
func (v vocabulary) of(id int64) string {
	if id < 0 || id >= int64(len(v)) {
		return ""
	}
	return v[id]
}

// slot is an item in a form in an event. Places order slots as the dictionary does; what the dictionary no longer
// has comes last, by name.
type slot struct {
	page              int64
	event, form, item string
	pagePlace, place  int
}

// slots are the tables page and slot in memory. They are loaded once, when the ledger is opened, and then only read.
type slots struct {
	ids    map[[3]string]int64
	byID   map[int64]slot
	pages  map[[2]string]int64
	byPage map[int64]slot
}

func addSlots(ctx context.Context, tx *sqlx.Tx, d *ecrf.Dictionary) error {
	for _, e := range d.Events {
		for _, form := range e.Forms {
			var page int64
			err := tx.GetContext(ctx, &page, `INSERT INTO page (event, form) VALUES (?, ?)
				ON CONFLICT (event, form) DO UPDATE SET form = excluded.form RETURNING id`, e.Name, form)
			if err != nil {
				return fmt.Errorf("register form %s: %w", form, err)
			}
			for _, item := range d.Form(form).ItemNames() {
				if _, err := tx.ExecContext(ctx, "INSERT INTO slot (page, item) VALUES (?, ?) ON CONFLICT DO NOTHING", page, item); err != nil {
					return fmt.Errorf("register item %s: %w", item, err)
				}
			}
		}
	}
	return nil
}

func (s *slots) load(ctx context.Context, tx *sqlx.Tx, d *ecrf.Dictionary) error {
	var rows []struct {
		ID    int64  `db:"id"`
		Page  int64  `db:"page"`
		Event string `db:"event"`
		Form  string `db:"form"`
		Item  string `db:"item"`
	}
	err := tx.SelectContext(ctx, &rows, "SELECT s.id, s.page, p.event, p.form, s.item FROM slot s JOIN page p ON p.id = s.page ORDER BY p.event, p.form, s.item")
	if err != nil {
		return err
	}
	places := placesOf(d)
	s.ids, s.byID = map[[3]string]int64{}, map[int64]slot{}
	s.pages, s.byPage = map[[2]string]int64{}, map[int64]slot{}
	const gone = 1 << 30
	for i, r := range rows {
		x := slot{page: r.Page, event: r.Event, form: r.Form, item: r.Item, pagePlace: gone + i, place: gone + i}
		if p, ok := places[[3]string{r.Event, r.Form, ""}]; ok {
			x.pagePlace = p
		} else if first, ok := s.byPage[r.Page]; ok {
			x.pagePlace = first.pagePlace
		}
		if p, ok := places[[3]string{r.Event, r.Form, r.Item}]; ok {
			x.place = p
		}
		s.ids[[3]string{r.Event, r.Form, r.Item}], s.byID[r.ID] = r.ID, x
		s.pages[[2]string{r.Event, r.Form}], s.byPage[r.Page] = r.Page, x
	}
	return nil
}

func placesOf(d *ecrf.Dictionary) map[[3]string]int {
	places := map[[3]string]int{}
	for _, e := range d.Events {
		for _, form := range e.Forms {
			places[[3]string{e.Name, form, ""}] = len(places)
			for _, item := range d.Form(form).ItemNames() {
				places[[3]string{e.Name, form, item}] = len(places)
			}
		}
	}
	return places
}

// sorting is the memory of sorting cells.
type sorting struct {
	keys   []sortKey
	sorted []ecrf.StoredCell
}

type sortKey struct{ page, repeat, place, from int }

func (a sortKey) compare(b sortKey) int {
	return cmp.Or(cmp.Compare(a.page, b.page), cmp.Compare(a.repeat, b.repeat), cmp.Compare(a.place, b.place))
}

// sort brings cells, whose slots have the ids, into canonical order.
func (o *sorting) sort(s *slots, ids []int64, cells []ecrf.StoredCell) {
	o.keys = o.keys[:0]
	for i, id := range ids {
		x := s.byID[id]
		o.keys = append(o.keys, sortKey{x.pagePlace, cells[i].Repeat, x.place, i})
	}
	if slices.IsSortedFunc(o.keys, sortKey.compare) {
		return
	}
	slices.SortFunc(o.keys, sortKey.compare)
	o.sorted = append(o.sorted[:0], cells...)
	for to, k := range o.keys {
		cells[to] = o.sorted[k.from]
	}
}

// orderInstances sorts instances canonically.
func (s *slots) orderInstances(instances []ecrf.Numbered) {
	place := func(n ecrf.Numbered) int { return s.byPage[s.pages[[2]string{n.Event, n.Form}]].pagePlace }
	slices.SortFunc(instances, func(a, b ecrf.Numbered) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Repeat, b.Repeat))
	})
}
