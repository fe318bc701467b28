package deploy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// service is what the tests look at of a service of a compose file.
type service struct {
	Image       string
	Command     []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Ports       []string
	Networks    []string
	Volumes     []string
	Environment map[string]string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct{ Test []string }
}

type composition struct {
	Services map[string]service
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]struct{}
}

func composed(t *testing.T) composition {
	t.Helper()
	var c composition
	if err := yaml.Unmarshal([]byte(text(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) != 3 {
		t.Fatalf("the services are %v", c.Services)
	}
	return c
}

func TestTheComposedProgramsAreConfined(t *testing.T) {
	c := composed(t)
	for name, command := range map[string]string{"serve": "serve", "worker": "worker"} {
		s := c.Services[name]
		if !slices.Equal(s.Command, []string{command, "/etc/crflink/serve.yaml"}) {
			t.Errorf("%s runs %q", name, s.Command)
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not confined: %+v", name, s)
		}
		if s.DependsOn["database"].Condition != "service_healthy" || len(c.Services["database"].Healthcheck.Test) == 0 {
			t.Errorf("%s does not wait for its database", name)
		}
		for _, v := range s.Volumes {
			if !strings.HasPrefix(v, "state:") && !strings.HasSuffix(v, ":ro") {
				t.Errorf("%s may write to %s", name, v)
			}
		}
	}
}

func TestNothingComposedIsReachedFromOutside(t *testing.T) {
	c := composed(t)
	for name, s := range c.Services {
		if len(s.Ports) > 0 {
			t.Errorf("%s publishes %v", name, s.Ports)
		}
		for _, n := range s.Networks {
			if _, ok := c.Networks[n]; !ok {
				t.Errorf("%s is in a network %s that is not there", name, n)
			}
		}
		for key, value := range s.Environment {
			if secret := strings.Contains(key, "PASSWORD") || strings.Contains(key, "KEY"); secret && !strings.HasSuffix(key, "_FILE") {
				t.Errorf("%s has a secret in its environment: %s=%s", name, key, value)
			}
		}
	}
	if db := c.Services["database"]; !slices.Equal(db.Networks, []string{"data"}) || !c.Networks["data"].Internal || !slices.Contains(db.Command, "ssl=on") {
		t.Errorf("the database is reached in %v by %q", db.Networks, db.Command)
	}
}
