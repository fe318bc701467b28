package pseudonym

// container is an object or array that is written once it has content: what loses all of it leaves no trace.
type container struct {
	name  string
	url   string // of an extension
	array bool
}

// open notes an object, openArray an array, that is written with its first content.
func (w *walker) open(name string) *container {
	w.pending = append(w.pending, container{})
	c := &w.pending[len(w.pending)-1]
	c.name = name
	return c
}

func (w *walker) openArray(name string) { w.open(name).array = true }

// flush writes the containers that were opened: there is content now.
func (w *walker) flush() {
	for i := range w.pending {
		switch c := &w.pending[i]; {
		case c.array:
			w.builder.Array(c.name)
		default:
			w.builder.Object(c.name)
			if c.url != "" {
				w.builder.String("url", c.url)
			}
		}
	}
	w.pending = w.pending[:0]
}

func (w *walker) close() {
	if n := len(w.pending); n > 0 {
		w.pending = w.pending[:n-1]
		return
	}
	w.builder.End()
}
