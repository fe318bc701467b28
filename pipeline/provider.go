package pipeline

import (
	"net/url"

	"github.com/crflink/crflink/imaging/research"
	"github.com/crflink/crflink/internal/yamldoc"
)

// provider reads who hands the data out, as packages name them.
func (l *loader) provider(v yamldoc.Value) {
	if !v.Exists() {
		return
	}
	f := v.Fields("name", "contact", "url")
	p := research.Provider{Name: l.required(v, f, "name"), Contact: f["contact"].Text(), URL: f["url"].Text()}
	if u, err := url.Parse(p.URL); p.URL != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		f["url"].Errorf("write the address of the organisation as https://…, for example its ROR id", "the provider's url is not an https address")
	}
	l.study.Provider = p
}
