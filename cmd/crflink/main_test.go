package main

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/crflink/crflink/synth"
)

// TestMain lets tests run the program by its name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"crflink": main})
}

// Scripts are the command line as it is typed. Their working folder holds the example study under configs.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "../../testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"redcap": redcapCommand, "hospital": serveHospital, "database": databaseCommand(t)},
		Setup: func(env *testscript.Env) error {
			env.Setenv("CRFLINK_VAULT_KEY", testVaultKey)
			return os.CopyFS(env.WorkDir+"/configs/psma-registry", os.DirFS("../../configs/psma-registry"))
		},
	})
}

const testVaultKey = "a vault key for tests only, never for patients 0123456789"

// serveHospital is the command of scripts that offers a folder as a FHIR server, with a script of faults or without, and puts its
// base into $HOSPITAL.
func serveHospital(ts *testscript.TestScript, _ bool, args []string) {
	var faults *synth.Script
	if len(args) > 1 {
		script, err := synth.ReadScript(strings.NewReader(ts.ReadFile(args[1])))
		ts.Check(err)
		faults = script
	}
	server, err := synth.NewServer(synth.ServerConfig{Faults: faults})
	ts.Check(err)
	ts.Check(server.Load(ts.MkAbs(args[0])))
	listener := httptest.NewServer(server)
	ts.Defer(listener.Close)
	ts.Setenv("HOSPITAL", listener.URL+"/fhir")
}
