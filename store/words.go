package store

import (
	"cmp"
	"context"
	"errors"
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

type wordRow struct {
	ID   int64
	Text string
}

const selectWords = "SELECT id, text FROM word"

func (w *words) load(ctx context.Context, db *sqlx.DB) error {
	var rows []wordRow
	if err := db.SelectContext(ctx, &rows, selectWords); err != nil {
		return err
	}
	w.ids = make(map[string]int64, len(rows))
	for _, r := range rows {
		w.add(r.ID, r.Text)
	}
	return nil
}

func (w *words) add(id int64, text string) {
	w.ids[text] = id
	w.mu.Lock()
	defer w.mu.Unlock()
	w.know(id, text)
}

// drop takes words back that a transaction added and that are not stored.
func (w *words) drop(added []string) {
	for _, text := range added {
		delete(w.ids, text)
	}
}

// unknown stands for a word that another process has added: our own next one has a higher id. No word of PostgreSQL has a NUL.
const unknown = "\x00"

// know lets readers know a word. Whoever calls it holds mu.
func (w *words) know(id int64, text string) {
	for int(id) > len(w.texts) {
		w.texts = append(w.texts, unknown)
	}
	switch {
	case int(id) == len(w.texts):
		w.texts = append(w.texts, text)
	case w.texts[id] == unknown:
		w.texts = slices.Clone(w.texts) // others read what they have taken
		w.texts[id] = text
	}
}

// vocabulary is the texts of words by their id, as they were at some time: ids do not change their meaning.
type vocabulary []string

func (w *words) vocabulary() vocabulary {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.texts[:len(w.texts):len(w.texts)]
}

// has reports whether the vocabulary knows all of some words.
func (v vocabulary) has(ids ...int64) bool {
	for _, id := range ids {
		if id >= int64(len(v)) || v[id] == unknown {
			return false
		}
	}
	return true
}

// knowing returns a vocabulary that has the words: one that another process has added is read now.
func (w *words) knowing(ctx context.Context, db *sqlx.DB, ids ...int64) (vocabulary, error) {
	v := w.vocabulary()
	if v.has(ids...) {
		return v, nil
	}
	var rows []wordRow
	if err := db.SelectContext(ctx, &rows, selectWords); err != nil {
		return nil, err
	}
	w.mu.Lock()
	for _, r := range rows {
		w.know(r.ID, r.Text)
	}
	w.mu.Unlock()
	if v = w.vocabulary(); !v.has(ids...) {
		return nil, errDamaged
	}
	return v, nil
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

type slotRow struct {
	ID                int64
	Page              int64
	Event, Form, Item string
}

func (t *transaction) slotRows() (rows []slotRow, err error) {
	err = t.all(&rows, "SELECT s.id, s.page, p.event, p.form, s.item FROM slot s JOIN page p ON p.id = s.page ORDER BY p.event, p.form, s.item")
	return rows, err
}

// addSlots writes down those of the dictionary's pages and slots that are not there.
func (t *transaction) addSlots(d *ecrf.Dictionary) error {
	rows, err := t.slotRows()
	if err != nil {
		return err
	}
	there := make(map[[3]string]bool, len(rows))
	for _, r := range rows {
		there[[3]string{r.Event, r.Form, r.Item}] = true
	}
	for _, e := range d.Events {
		for _, form := range e.Forms {
			for _, item := range d.Form(form).ItemNames() {
				if there[[3]string{e.Name, form, item}] {
					continue
				}
				if err := t.addSlot(e.Name, form, item); err != nil {
					return fmt.Errorf("register item %s of form %s: %w", item, form, err)
				}
			}
		}
	}
	return nil
}

func (t *transaction) addSlot(event, form, item string) error {
	var page int64
	err := t.one(&page, `INSERT INTO page (event, form) VALUES (?, ?)
		ON CONFLICT (event, form) DO UPDATE SET form = excluded.form RETURNING id`, event, form)
	if err == nil {
		_, err = t.run("INSERT INTO slot (page, item) VALUES (?, ?)", page, item)
	}
	return err
}

func (s *slots) load(t *transaction, d *ecrf.Dictionary) error {
	rows, err := t.slotRows()
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

// errUnknownForm is returned for what another process stored by a dictionary that has more forms or items.
var errUnknownForm = errors.New("the ledger has forms or items that are new since it was opened; open it again")

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
