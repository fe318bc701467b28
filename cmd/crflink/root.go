package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// terminal is where commands read and write.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

func newRoot(t terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "crflink",
		Short: "From hospital FHIR servers into a study's case report forms",
		Long: `crflink reads FHIR R4 resources of the Medical Informatics Initiative, checks the consent, pseudonymises, maps them to
a study's eCRF fields, delivers them, and links each subject to their imaging studies.
` + exitHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		initCommand(), syncCommand(), lintCommand(), testCommand(), planCommand(), explainCommand(), fhirpathCommand(), viewCommand(), odmCommand(), completenessCommand(), sdvCommand(), ucumCommand(), consentCommand(),
		deidentifyCommand(), auditCommand(), locateCommand(), reidentifyCommand(), imagingCommand(), retireCommand(), exportCommand(), vaultCommand(), synthCommand(), schemaCommand(), jwksCommand(), withdrawCommand(), tasksCommand(), queriesCommand(),
		backupCommand(), migrateCommand(),
		doctorCommand(), serveCommand(), workerCommand(), jobsCommand(), statusCommand(), runsCommand(),
		previewCommand(), approveCommand(),
	)
	return root
}

// version is the module's version as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return info.Main.Version
}

// operands separates a command line whose operands may begin with a dash (an expression, a negative number) from the
// flags that the command knows: --name value or --name=value. After -- everything is an operand.
func operands(args []string, known ...string) (rest []string, flags map[string]string, help bool, err error) {
	flags = map[string]string{}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return append(rest, args[i+1:]...), flags, help, nil
		}
		name, value, assigned := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		switch {
		case a == "--help" || a == "-h":
			help = true
		case !strings.HasPrefix(a, "--") || !slices.Contains(known, name):
			rest = append(rest, a)
		case assigned:
			flags[name] = value
		case i+1 == len(args):
			return nil, nil, false, fmt.Errorf("--%s needs a value", name)
		default:
			i++
			flags[name] = args[i]
		}
	}
	return rest, flags, help, nil
}

// parseAsOf reads --as-of: a date, which stands for its beginning in the zone, or an RFC 3339 instant. Without it the
// as-of is now.
func parseAsOf(text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Now().In(zone), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("--as-of %s: write a date (2026-09-01) or an instant (2026-09-01T02:00:00+02:00)", text)
	}
	return t.In(zone), nil
}
