package schema_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/crflink/crflink/internal/golden"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/crflink/crflink/cmd/crflink/schema"
)

const root = "../../../"

func TestThePublishedSchemasAreThoseOfTheProgram(t *testing.T) {
	for _, name := range schema.Names() {
		text, err := schema.Of(name)
		if err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, root+"docs/schema/"+name+".json", text)
	}
	if _, err := schema.Of("studie"); err == nil || !strings.Contains(err.Error(), "study") {
		t.Errorf("an unknown kind: %v", err)
	}
}

// readers are the folders whose code reads a kind of file, by the kind.
var readers = map[string][]string{
	"study": {"pipeline", "authorisation"}, "mapping": {"mapping"}, "dictionary": {"ecrf"}, "tests": {"mapping/casetest"}, "consent": {"consent"}, "serve": {"operation"}, "quantification": {"imaging/pet"},
}

func TestASchemaKnowsTheKeysThatTheReaderKnows(t *testing.T) {
	for kind, folders := range readers {
		known := map[string]bool{}
		for _, folder := range folders {
			for _, keys := range keysRead(t, root+folder) {
				known[strings.Join(keys, " ")] = true
			}
		}
		described := map[string]bool{}
		text, err := schema.Of(kind)
		if err != nil {
			t.Fatal(err)
		}
		var any map[string]any
		if err := json.Unmarshal(text, &any); err != nil {
			t.Fatal(err)
		}
		objects(any, described)
		for keys := range known {
			if !described[keys] {
				t.Errorf("%s: the reader knows an object with the keys %s, the schema does not", kind, keys)
			}
		}
		for keys := range described {
			if !known[keys] && keys != "repeat ties visits" && keys != "fixture" && keys != "at" {
				t.Errorf("%s: the schema has an object with the keys %s, the reader does not", kind, keys)
			}
		}
		if len(known) == 0 {
			t.Errorf("%s: no reader was found", kind)
		}
	}
}

// objects notes the sorted keys of every object of a schema.
func objects(v any, into map[string]bool) {
	switch n := v.(type) {
	case map[string]any:
		if p, ok := n["properties"].(map[string]any); ok {
			var keys []string
			for k := range p {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			into[strings.Join(keys, " ")] = true
		}
		for _, m := range n {
			objects(m, into)
		}
	case []any:
		for _, m := range n {
			objects(m, into)
		}
	}
}

// keysRead returns the sorted arguments of every call of Fields in the folder's code.
func keysRead(t *testing.T, folder string) [][]string {
	t.Helper()
	names, err := filepath.Glob(folder + "/*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(folder, err)
	}
	lists := map[string][]string{}
	var calls []*ast.CallExpr
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if len(n.Values) == 1 {
					if c, ok := n.Values[0].(*ast.CompositeLit); ok {
						lists[n.Names[0].Name] = literals(c.Elts)
					}
				}
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Fields" && len(n.Args) > 0 {
					calls = append(calls, n)
				}
			}
			return true
		})
	}
	var all [][]string
	for _, c := range calls {
		keys := literals(c.Args)
		if name, ok := c.Args[0].(*ast.Ident); ok && c.Ellipsis.IsValid() {
			keys = lists[name.Name]
		}
		if len(keys) > 0 {
			slices.Sort(keys)
			all = append(all, keys)
		}
	}
	return all
}

func literals(all []ast.Expr) []string {
	var texts []string
	for _, e := range all {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil {
				texts = append(texts, s)
			}
		}
	}
	return texts
}

// examples are the files that must be valid, by kind of file.
var examples = map[string][]string{
	"study":      {"configs/*/study.yaml"},
	"mapping":    {"configs/*/mapping.yaml", "mapping/testdata/*/mapping.yaml"},
	"dictionary": {"configs/*/dictionary.yaml", "mapping/testdata/*/dictionary.yaml"},
	"tests":      {"configs/*/tests/*.yaml", "mapping/testdata/language/[cru]*s.yaml"},
	"consent":    {"configs/*/consent.yaml", "consent/mii-broad-consent.yaml"},

	"quantification": {"configs/*/quantification.yaml", "imaging/pet/default.yaml"},
}

func TestEveryExampleFileIsValid(t *testing.T) {
	for kind, globs := range examples {
		s := compiled(t, kind)
		for _, glob := range globs {
			names, err := filepath.Glob(root + glob)
			if err != nil || len(names) == 0 {
				t.Fatal(glob, err)
			}
			for _, name := range names {
				if err := s.Validate(value(t, name)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

func TestAMisspeltKeyAndAWrongWordAreNotValid(t *testing.T) {
	for kind, texts := range map[string][]string{
		"study":      {"crflink: 2", "crflink: 1\nstudie: {}"},
		"mapping":    {"study: x\nforms: {a: {b: {valeu: c}}}", "study: x\nforms: {a: {b: {choose: frist}}}", "study: x\nvisits: {a: {event: b, from: soon}}"},
		"dictionary": {"study: x\nversion: 1\nevents: []\nforms: [{name: a, items: [{name: b, type: number}]}]"},
		"tests":      {"tests: {name: a, expect: {a.b: {missing: lost}}}"},
		"consent":    {"kind: broad", "kind: none\ngates: [1]"},

		"quantification": {"quantification: 1\nseverities: {weight-mising: error}", "quantification: 1\ntracers: [{name: a, ligand: b, nuclide: c, uptake: [1]}]"},
	} {
		s := compiled(t, kind)
		for _, text := range texts {
			if s.Validate(parsed(t, []byte(text))) == nil {
				t.Errorf("%s: %s is valid", kind, text)
			}
		}
	}
}

func TestTheExampleStudyNamesTheSchemasOfItsFiles(t *testing.T) {
	for kind, globs := range examples {
		names, err := filepath.Glob(root + globs[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			path, ok := strings.CutPrefix(strings.SplitN(string(text), "\n", 2)[0], "# yaml-language-server: $schema=")
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), path)); !ok || err != nil || filepath.Base(path) != kind+".json" {
				t.Errorf("%s begins with no schema of a %s file", name, kind)
			}
		}
	}
}

func compiled(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	text, err := schema.Of(kind)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func value(t *testing.T, file string) any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, text)
}

// parsed turns YAML into what JSON would hold.
func parsed(t *testing.T, text []byte) any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
