package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/consent"
	"github.com/crflink/crflink/fhir"
	"github.com/crflink/crflink/mapping/casetest"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
	vaultstore "github.com/crflink/crflink/store/vault"
)

func testCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test STUDY.yaml",
		Short: "Run the study's own tests of its mapping",
		Long: `Runs the test files that the study names with tests: each case gives some resources and says what the forms must hold.
A case that names no source is run once more for each source with rules of its own; what it expects of items with such rules
need not hold there. Failed cases end with exit code 2.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: testStudy,
	}
}

func testStudy(cmd *cobra.Command, args []string) (err error) {
	study, err := loadStudy(cmd, args[0])
	if err != nil {
		return err
	}
	if len(study.Tests) == 0 {
		return errors.New("the study has no tests: name their files in the study file, for example tests: tests/*.yaml")
	}
	folder, err := os.MkdirTemp("", "crflink-test-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	gate, err := openTestGate(cmd.Context(), study, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gate.rows.Close()) }()
	under := casetest.Study{Mapping: study.Mapping, Dictionary: study.Dictionary, Zone: study.Zone, Admit: gate.admit}
	if study.Several() {
		for _, s := range study.Sources {
			under.Sources = append(under.Sources, s.Name)
		}
	}
	files, findings := casetest.Load(os.DirFS(filepath.Dir(study.File)), study.Tests, under)
	if err := findings.Err(); err != nil {
		return coded{exitInvalid, findings.In(filepath.Dir(study.File))}
	}
	result, err := casetest.Run(cmd.Context(), cmd.OutOrStdout(), under, files)
	if err != nil {
		return err
	}
	if result.Failed > 0 {
		return silently(exitInvalid)
	}
	return nil
}

// testGate lets the resources of test cases through: no consent is asked for, and the vault is forgotten afterwards.
type testGate struct {
	policy *consent.Policy
	rows   *vaultstore.Store
	vault  *pseudonym.Vault
	veil   *pseudonym.Veil
}

// testPolicy permits everything. It is for resources that stand in a test file and belong to nobody.
const testPolicy = "kind: none\nname: mapping-tests\n"

func openTestGate(ctx context.Context, study *pipeline.Study, folder string) (*testGate, error) {
	g := &testGate{}
	var err error
	if g.policy, err = consent.Parse("mapping tests", []byte(testPolicy), nil); err != nil {
		return nil, err
	}
	if g.veil, err = study.Veil(pseudonym.Dates{Mode: pseudonym.None, Zone: study.Zone}); err != nil {
		return nil, err
	}
	key, err := pseudonym.NewKey([]byte("the key of a vault that holds test cases only"))
	if err != nil {
		return nil, err
	}
	if g.rows, err = vaultstore.Open(ctx, filepath.Join(folder, "vault.db")); err != nil {
		return nil, err
	}
	if g.vault, err = pseudonym.CreateVault(ctx, g.rows, key, study.ID); err != nil {
		return nil, errors.Join(err, g.rows.Close())
	}
	return g, nil
}

func (g *testGate) admit(ctx context.Context, asOf time.Time, from *fhir.Record) (*pseudonym.Record, error) {
	permitted, _ := consent.Admit(from, consent.Evaluate(consent.FactsOf(from), g.policy, asOf), g.policy)
	if !permitted.Granted() {
		return nil, fmt.Errorf("the case has no Patient resource of its subject")
	}
	subject, err := g.vault.Find(ctx, from, pseudonym.IdentityRule{PatientID: true}, pseudonym.Issued{})
	if err != nil {
		return nil, err
	}
	record, _, err := g.veil.Apply(permitted, subject)
	return record, err
}
