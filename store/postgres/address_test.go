package postgres

import (
	"strings"
	"testing"
)

func TestAnAddressOfPostgreSQLIsSafeOrRefused(t *testing.T) {
	for address, mode := range map[string]string{
		"postgres://r@127.0.0.1/v":                         "none",
		"postgres://r@localhost:5433/v":                    "none",
		"postgres://r@/v?host=/run/postgresql":             "none",
		"postgres://r@db.example/v":                        "checked",
		"postgresql://r@db.example:5432/v":                 "checked",
		"postgres://r@db.example/v?sslmode=verify-full":    "checked",
		"postgres://r@db.example/v?sslmode=require":        "refused",
		"postgres://r@db.example/v?sslmode=disable":        "refused",
		"postgres://r:canary@db.example/v":                 "refused",
		"postgres://r@db.example/v?password=canary":        "refused",
		"postgres://127.0.0.1/v":                           "refused",
		"postgres://r@127.0.0.1":                           "refused",
		"mysql://r@127.0.0.1/v":                            "refused",
		"host=127.0.0.1 user=r dbname=v password=canary":   "refused",
		"postgres://r@127.0.0.1:canary/v":                  "refused",
		"postgres://r@127.0.0.1/v?sslrootcert=/no/such/ca": "refused",
	} {
		config, err := Address{URL: address, Password: "secret"}.Config("test")
		got := "none"
		switch {
		case err != nil:
			got = "refused"
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error repeats the address: %v", err)
			}
		case config.TLSConfig != nil && config.TLSConfig.ServerName == "db.example" && !config.TLSConfig.InsecureSkipVerify && len(config.Fallbacks) == 0:
			got = "checked"
		case config.TLSConfig != nil || config.Password != "secret":
			got = "something else"
		}
		if got != mode {
			t.Errorf("%s: %s, want %s (%v)", address, got, mode, err)
		}
	}
}
