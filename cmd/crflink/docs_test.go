package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

// Documentation describes what is: what it tells to type exists, and what it links to is there.

const moduleRoot = "../.."

// documents returns the text of every Markdown file of the project, by its path from the module's root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	root := os.DirFS(moduleRoot)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "out", "testdata"}, d.Name())):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".md":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		texts[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) < 5 {
		t.Fatalf("only %d Markdown files were found", len(texts))
	}
	return texts
}

func TestWhatTheDocumentsTellToTypeExists(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(moduleRoot, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for name, text := range documents(t) {
		for _, line := range shellLines(text) {
			checked++
			if fault := typed(line, string(makefile)); fault != "" {
				t.Errorf("%s: %s: %s", name, line, fault)
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d command lines were found", checked)
	}
}

var inlineCode = regexp.MustCompile("`((?:crflink|make) [^`]+)`")

// shellLines returns the commands of blocks fenced as sh, lines that end in a backslash joined, and those in running text.
func shellLines(text string) (lines []string) {
	var prose strings.Builder
	fence, shell, joined := false, false, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "```"); ok {
			fence, shell = !fence, !fence && rest == "sh"
			continue
		}
		switch {
		case !fence:
			prose.WriteString(line + "\n")
		case shell && strings.HasSuffix(line, `\`):
			joined += strings.TrimSuffix(line, `\`)
		case shell:
			lines, joined = append(lines, joined+line), ""
		}
	}
	for _, m := range inlineCode.FindAllStringSubmatch(strings.ReplaceAll(prose.String(), "\n", " "), -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// typed returns what is wrong with a command line; other programs than crflink and make are not looked at.
func typed(line, makefile string) string {
	words := strings.Fields(line)
	if len(words) > 1 && words[0] == "make" {
		for _, w := range command(words[1:]) {
			if !strings.Contains(w, "=") && !strings.Contains(makefile, "\n"+w+":") {
				return "make has no target " + w
			}
		}
	}
	at := slices.IndexFunc(words, func(w string) bool { return path.Base(w) == "crflink" })
	if at < 0 || at+1 == len(words) || words[at+1] == strings.ToUpper(words[at+1]) || strings.Contains(words[at+1], "/") {
		return "" // crflink COMMAND, cp crflink FOLDER/
	}
	return parsed(command(words[at+1:]))
}

// command cuts off what the shell does with a command.
func command(words []string) []string {
	if end := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w, "|>&;#") }); end >= 0 {
		return words[:end]
	}
	return words
}

func parsed(args []string) string {
	root := newRoot(terminal{})
	cmd, rest, err := root.Find(args)
	switch {
	case err != nil:
		return err.Error()
	case cmd == root:
		return "there is no such command"
	case !cmd.Runnable() && len(rest) > 0:
		return cmd.CommandPath() + " has no command " + rest[0]
	case cmd.DisableFlagParsing:
		return unknownFlag(cmd, rest)
	}
	rest = slices.DeleteFunc(rest, func(w string) bool { return slices.Contains([]string{"[", "]", "…"}, w) })
	for i, w := range rest {
		rest[i] = strings.Trim(w, "[]")
	}
	if n := len(rest); n > 0 && strings.HasPrefix(rest[n-1], "--") && !strings.Contains(rest[n-1], "=") && cmd.Flags().Lookup(rest[n-1][2:]) != nil {
		rest = rest[:n-1] // named without its value, in running text
	}
	if err := cmd.ParseFlags(numbered(rest)); err != nil {
		return err.Error()
	}
	return ""
}

// numbered replaces the letter that stands for a number.
func numbered(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		if a == "N" || a == "S" {
			args[i] = "1"
		}
	}
	return args
}

// unknownFlag looks for the flags of a command that parses its line itself in the command's own help.
func unknownFlag(cmd *cobra.Command, args []string) string {
	for _, a := range args {
		name, _, _ := strings.Cut(a, "=")
		if strings.HasPrefix(name, "--") && name != "--help" && !strings.Contains(cmd.Long, name+" ") {
			return "unknown flag: " + name
		}
	}
	return ""
}

// stepsOf returns the commands of a section of the README as a shell script. It ends at the first command whose exit code is
// neither 0 nor 5, which is usual for synthetic patients. What only make can do is left out.
func stepsOf(t *testing.T, section string) string {
	t.Helper()
	_, text, found := strings.Cut(documents(t)["README.md"], "\n## "+section+"\n")
	if !found {
		t.Fatalf("the README has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	text = inlineCode.ReplaceAllString(text, "")
	script := ""
	for _, line := range shellLines(text) {
		if !strings.HasPrefix(line, "make ") {
			script += line + " || { code=$?; [ $code = 5 ] || exit $code; }\n"
		}
	}
	return script
}

func TestTheStepsOfTheReadmeWork(t *testing.T) {
	steps := stepsOf(t, "Your own study in six steps")
	testscript.Run(t, testscript.Params{
		Files: []string{"../../testdata/readme.txt"},
		Setup: func(env *testscript.Env) error {
			if err := os.WriteFile(filepath.Join(env.WorkDir, "steps.sh"), []byte(steps), 0o600); err != nil {
				return err
			}
			return os.CopyFS(env.WorkDir+"/configs/psma-registry", os.DirFS("../../configs/psma-registry"))
		},
	})
}

// The README's table of commands is complete, and what it lists as unbuilt is not there.
func TestTheReadmeListsEveryCommand(t *testing.T) {
	text := documents(t)["README.md"]
	missing := readmeMissing(t, text)
	for _, cmd := range leaves(newRoot(terminal{})) {
		if !strings.Contains(text, "| `"+cmd.CommandPath()+" ") {
			t.Errorf("%s has no row in the table of commands", cmd.CommandPath())
		}
		if name := strings.Fields(cmd.CommandPath())[1]; slices.Contains(missing, name) {
			t.Errorf("%s is there, and is listed as not there yet", name)
		}
	}
}

func readmeMissing(t *testing.T, text string) (names []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "- **Commands**:") {
			for _, m := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(line, -1) {
				names = append(names, m[1])
			}
			return names
		}
	}
	return nil // everything is there
}

// The map of the house has a row for every package, and none for a package that is not there.
func TestTheMapNamesEveryPackage(t *testing.T) {
	text := documents(t)["ARCHITECTURE.md"]
	there := map[string]bool{}
	err := filepath.WalkDir(moduleRoot, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != moduleRoot && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "out"):
			return filepath.SkipDir
		case filepath.Ext(name) == ".go":
			folder, err := filepath.Rel(moduleRoot, filepath.Dir(name))
			there[filepath.ToSlash(folder)] = true
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder := range there {
		if !strings.Contains(text, "`"+folder+"`") {
			t.Errorf("%s is not in ARCHITECTURE.md: add a row to its table, and to the import table of .golangci.yml", folder)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\|").FindAllStringSubmatch(text, -1) {
		if !there[m[1]] {
			t.Errorf("ARCHITECTURE.md has a row for %s, which is no package", m[1])
		}
	}
}

// leaves returns the commands that do something, without cobra's own.
func leaves(cmd *cobra.Command) (all []*cobra.Command) {
	for _, c := range cmd.Commands() {
		switch {
		case c.Name() == "help" || c.Name() == "completion":
		case c.HasSubCommands():
			all = append(all, leaves(c)...)
		default:
			all = append(all, c)
		}
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	dropped = regexp.MustCompile(`[^\pL\pN _-]`)
)

func TestLinksBetweenDocumentsResolve(t *testing.T) {
	texts := documents(t)
	checked := 0
	for name, text := range texts {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			checked++
			if target == "" {
				target = path.Base(name)
			}
			resolved := path.Join(path.Dir(name), target)
			if _, err := os.Stat(filepath.Join(moduleRoot, resolved)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, m[1])
			} else if anchor != "" && !slices.Contains(anchors(texts[resolved]), anchor) {
				t.Errorf("%s: %s has no heading for #%s", name, resolved, anchor)
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d links were found", checked)
	}
}

// anchors returns the names of a document's headings as Git forges write them.
func anchors(text string) (names []string) {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		names = append(names, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), ""), " ", "-"))
	}
	return names
}

// The checks themselves notice what they are for.
func TestWrongCommandLinesAreNoticed(t *testing.T) {
	for _, line := range []string{
		"crflink synch study.yaml", "crflink sync study.yaml --as-off 2026-09-01", "flock -n lock bin/crflink consent verify x", "make everything",
		"crflink fhirpath 1 file --as-off 2026-09-01", "crflink synth --patients many",
	} {
		if typed(line, "\ntest: ## \n") == "" {
			t.Errorf("%s is not noticed", line)
		}
	}
	for _, line := range []string{
		"crflink sync STUDY.yaml --as-of", "cd x && crflink lint study.yaml >log", "crflink ucum convert -40 [degF] Cel", "make test",
		"crflink fhirpath -1 FILE --as-of 2026-09-01", "crflink COMMAND --help", "make test && crflink lint x", "cp crflink /usr/local/bin",
	} {
		if fault := typed(line, "\ntest: ## \n"); fault != "" {
			t.Errorf("%s: %s", line, fault)
		}
	}
}
