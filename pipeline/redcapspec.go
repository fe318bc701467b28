package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crflink/crflink/ecrf"
	"github.com/crflink/crflink/internal/finding"
	"github.com/crflink/crflink/internal/yamldoc"
)

// REDCapSpec says how a target of kind redcap is delivered to.
type REDCapSpec struct {
	URL           string
	Auth          AuthSpec // its token is the API's
	Project       string   // the id of the project that the token must open
	CreateRecords bool
	Policy        ecrf.Policy            // of all items
	Policies      map[string]ecrf.Policy // of single items, by name
	Names         ecrf.Names             // in the project, by the dictionary's
	Groups        map[string]string
	MissingCodes  map[ecrf.MissingReason]string
	Status        string // one of FormStatuses, of forms that nobody has saved
	PerMinute     int    // requests; 0 is the usual pace
}

// usualLimit is how many requests a minute REDCap usually takes from an address, with a margin.
const usualLimit = 500

var redcapKeys = []string{"auth", "project", "createRecords", "policy", "policies", "freeze", "names", "data-access-groups", "missing-codes", "form-status", "requests-per-minute"}

// Policies are the words of a target's policy, the usual one first.
func Policies() []string {
	return []string{string(ecrf.OwnValuesOnly), string(ecrf.FillEmptyOnly), string(ecrf.SuggestOnly), string(ecrf.Always)}
}

// FormStatuses are the words for what becomes of the status of forms that nobody has saved, the usual one first.
func FormStatuses() []string { return []string{"leave", "incomplete", "unverified"} }

func (l *loader) redcap(f map[string]yamldoc.Value, t *TargetSpec) {
	r := &REDCapSpec{URL: f["url"].Text(), Auth: l.auth(f["auth"], f["url"]), Project: f["project"].Text(), CreateRecords: f["createRecords"].Bool(), Policies: map[string]ecrf.Policy{}}
	t.Path, t.REDCap = r.URL, r
	if r.URL != "" && !strings.HasSuffix(r.URL, "/api/") {
		f["url"].Errorf("for example https://redcap.example.org/api/", "the address of a REDCap's API ends in /api/")
	}
	if r.Auth.Token.IsZero() && f["kind"].Exists() {
		f["kind"].Errorf("auth: {token-env: VARIABLE}, or token-file: FILE", "a REDCap needs the API token of its service account")
	}
	if r.Project == "" {
		l.warnAt(f["url"], "project: the id that REDCap shows in the project's address (pid)", "the target does not say which project the token must open: a wrong token would write into another project")
	}
	r.Policy = ecrf.Policy(f["policy"].OneOf(Policies()...))
	if r.Policy == ecrf.Always {
		f["policy"].Errorf("give single items the policy always, each with its reason", "not all of a project may be overwritten")
	}
	l.policies(f["policies"], r)
	l.freezes(f["freeze"], t)
	l.names(f["names"], r)
	r.Groups = texts(f["data-access-groups"])
	l.missingCodes(f["missing-codes"], r)
	r.Status = f["form-status"].OneOf(FormStatuses()...)
	r.PerMinute = f["requests-per-minute"].Int()
	if v := f["requests-per-minute"]; v.Exists() && r.PerMinute < 1 {
		v.Errorf("", "at least one request a minute is needed")
	} else if r.PerMinute >= usualLimit {
		l.warnAt(v, "leave room for the people behind the same address, or have the address excepted", "REDCap usually bans an address for good that asks more than 600 times a minute")
	}
	if p := l.study.Policy; p != nil && p.Unprotected() {
		f["kind"].Errorf("give the study a consent policy, or deliver to files", "a policy of kind none is refused for a target where people enter a running study's data")
	}
}

func texts(v yamldoc.Value) map[string]string {
	all := map[string]string{}
	for _, e := range v.Entries() {
		all[e.Key()] = e.Text()
	}
	return all
}

func (l *loader) warnAt(at yamldoc.Value, hint, message string) {
	line, col := at.Pos()
	l.further = append(l.further, finding.Finding{File: l.doc.File, Line: line, Col: col, Severity: finding.Warning, Message: message, Hint: hint})
}

// policies reads policies of single items or forms. What overwrites people's entries needs a reason that can be shown.
func (l *loader) policies(v yamldoc.Value, r *REDCapSpec) {
	for _, part := range v.Items() {
		f := part.Fields("items", "policy", "reason")
		policy := ecrf.Policy(f["policy"].OneOf(Policies()...))
		if policy == ecrf.Always && strings.TrimSpace(f["reason"].Text()) == "" {
			part.Errorf("reason: why people's entries may be overwritten, and who decided it", "the policy always needs a reason")
		}
		if !f["items"].Exists() {
			part.Errorf("items: [FORM.ITEM, FORM]", "items is missing")
		}
		for _, name := range f["items"].Items() {
			for _, item := range l.itemsNamed(name) {
				if _, twice := r.Policies[item]; twice {
					name.Errorf("", "the item %s has a policy already", item)
				}
				r.Policies[item] = policy
			}
		}
	}
}

// itemsNamed returns the items that FORM.ITEM or FORM names.
func (l *loader) itemsNamed(v yamldoc.Value) []string {
	if l.study.Dictionary == nil {
		return nil
	}
	form, item, one := strings.Cut(v.Text(), ".")
	f := l.study.Dictionary.Form(form)
	switch {
	case f == nil:
		v.Errorf(finding.DidYouMean(form, l.study.Dictionary.FormNames()), "no form is named %q", form)
		return nil
	case !one:
		return f.ItemNames()
	case f.Item(item) == nil:
		v.Errorf(finding.DidYouMean(item, f.ItemNames()), "form %s has no item %q", form, item)
		return nil
	}
	return []string{item}
}

// freezes reads from which days on nothing is written, at the beginning of the day in the study's time zone.
func (l *loader) freezes(v yamldoc.Value, t *TargetSpec) {
	for _, part := range v.Items() {
		f := part.Fields("from", "site", "form")
		from, err := time.ParseInLocation(time.DateOnly, l.required(part, f, "from"), l.study.Zone)
		if err != nil && f["from"].Exists() {
			f["from"].Errorf("write a day as YYYY-MM-DD", "it is no day")
		}
		if form := f["form"]; form.Exists() && l.study.Dictionary != nil && l.study.Dictionary.Form(form.Text()) == nil {
			form.Errorf(finding.DidYouMean(form.Text(), l.study.Dictionary.FormNames()), "no form is named %q", form.Text())
		}
		t.Freezes = append(t.Freezes, ecrf.Freeze{From: from, Site: f["site"].Text(), Form: f["form"].Text()})
	}
}

// names reads what is called otherwise in the project.
func (l *loader) names(v yamldoc.Value, r *REDCapSpec) {
	f := v.Fields("events", "forms", "items")
	r.Names = ecrf.Names{Events: texts(f["events"]), Forms: texts(f["forms"]), Items: texts(f["items"])}
	d := l.study.Dictionary
	if d == nil {
		return
	}
	for noun, known := range map[string]func(string) bool{
		"events": func(name string) bool {
			return slices.ContainsFunc(d.Events, func(e ecrf.Event) bool { return e.Name == name })
		},
		"forms": func(name string) bool { return d.Form(name) != nil },
		"items": func(name string) bool { return d.Item(name) != nil },
	} {
		for _, e := range f[noun].Entries() {
			if !known(e.Key()) {
				e.Errorf("", "the dictionary has nothing of that name among its %s", noun)
			}
		}
	}
}

// missingCodes reads which missing-data code stands for a reason.
func (l *loader) missingCodes(v yamldoc.Value, r *REDCapSpec) {
	r.MissingCodes = map[ecrf.MissingReason]string{}
	for _, e := range v.Entries() {
		reason := ecrf.MissingReason(e.Key())
		if !reason.Valid() {
			e.Errorf(fmt.Sprintf("one of %v", ecrf.MissingReasons()), "%q is no missing reason", e.Key())
		}
		r.MissingCodes[reason] = e.Text()
	}
}
