package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
)

const redcapToken = "0123456789ABCDEF0123456789ABCDEF"

// projects are the fake REDCap projects of scripts, by their working folder.
var projects sync.Map

// redcapCommand lets a script have a REDCap:
//
//	redcap serve DICTIONARY.csv                starts one; REDCAP_URL and REDCAP_TOKEN are set
//	redcap large DICTIONARY.csv                starts one with 540 fields, and writes its data dictionary
//	redcap enter PERSON RECORD FIELD VALUE     a person enters a value
//	redcap lock PERSON RECORD FIELD            a person locks the form of a field
//	redcap unlock PERSON RECORD FIELD          and opens it again
//	redcap content                             writes RECORD FIELD[#INSTANCE] = VALUE, a line each
func redcapCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("redcap serve, enter, lock or content")
	}
	switch args[0] {
	case "serve":
		file, err := os.Open(ts.MkAbs(args[1]))
		ts.Check(err)
		defer file.Close()
		fields, err := fakeredcap.ReadFields(file)
		ts.Check(err)
		serveREDCap(ts, fakeredcap.Design{Title: "Trial", Fields: fields})
		return
	case "large":
		d := fakeredcap.Large(15, 36)
		serveREDCap(ts, d)
		response, err := http.PostForm(ts.Getenv("REDCAP_URL"), url.Values{"token": {redcapToken}, "content": {"metadata"}, "format": {"csv"}})
		ts.Check(err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), text, 0o600))
		return
	}
	found, _ := projects.Load(ts.Getenv("WORK"))
	p, ok := found.(*fakeredcap.Project)
	if !ok {
		ts.Fatalf("redcap serve comes first")
	}
	switch args[0] {
	case "enter":
		ts.Check(p.Enter(args[1], fakeredcap.Cell{Record: args[2], Field: args[3]}, args[4]))
	case "lock":
		ts.Check(p.Lock(args[1], fakeredcap.Cell{Record: args[2], Field: args[3]}))
	case "unlock":
		ts.Check(p.Unlock(args[1], fakeredcap.Cell{Record: args[2], Field: args[3]}))
	case "content":
		_, err := fmt.Fprint(ts.Stdout(), contentOf(p))
		ts.Check(err)
	default:
		ts.Fatalf("redcap %s is unknown", args[0])
	}
}

func serveREDCap(ts *testscript.TestScript, d fakeredcap.Design) {
	s := fakeredcap.New(time.Now)
	s.Limit = -1
	projects.Store(ts.Getenv("WORK"), s.Add(d, fakeredcap.Service("etl", redcapToken)))
	h := httptest.NewServer(s)
	ts.Defer(h.Close)
	ts.Setenv("REDCAP_URL", h.URL+"/api/")
	ts.Setenv("REDCAP_TOKEN", redcapToken)
}

func contentOf(p *fakeredcap.Project) string {
	var lines []string
	for c, v := range p.Content() {
		instance := ""
		if c.Instance > 0 {
			instance = fmt.Sprintf("#%d", c.Instance)
		}
		lines = append(lines, fmt.Sprintf("%s %s%s = %s\n", c.Record, c.Field, instance, v))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
