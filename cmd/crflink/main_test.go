package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets tests run the program by its name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"crflink": main})
}

// Scripts are the command line as it is typed. Their working folder holds the example study under configs.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "../../testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"redcap": redcapCommand},
		Setup: func(env *testscript.Env) error {
			env.Setenv("CRFLINK_VAULT_KEY", testVaultKey)
			return os.CopyFS(env.WorkDir+"/configs/psma-registry", os.DirFS("../../configs/psma-registry"))
		},
	})
}

const testVaultKey = "a vault key for tests only, never for patients 0123456789"
