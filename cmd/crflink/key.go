package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/crflink/crflink/internal/secretfile"
	"github.com/crflink/crflink/pipeline"
	"github.com/crflink/crflink/pseudonym"
	"github.com/crflink/crflink/pseudonym/agekey"
)

// vaultKeyVariable is the environment variable that holds the vault's key, whatever the study file says.
const vaultKeyVariable = "CRFLINK_VAULT_KEY"

// credentialsVariable names the folder of the credentials that systemd hands to a service.
const credentialsVariable = "CREDENTIALS_DIRECTORY"

// vaultKey reads the key that opens the vault. There is no default.
func vaultKey(study *pipeline.Study) (pseudonym.Key, error) {
	if text, ok := os.LookupEnv(vaultKeyVariable); ok {
		return pseudonym.NewKey([]byte(text))
	}
	if study.Key == nil {
		return pseudonym.Key{}, fmt.Errorf("no vault key: set %s, or say in the study file where it comes from, for example key: {file: vault.key}", vaultKeyVariable)
	}
	return readKey(study.Key)
}

// nextKey reads the key to which the vault is rotated.
func nextKey(study *pipeline.Study) (pseudonym.Key, error) {
	if study.Key == nil || study.Key.Next == nil {
		return pseudonym.Key{}, errors.New("no new vault key: say in the study file where it comes from, for example key: {file: vault.key, next: {file: new.key}}")
	}
	return readKey(study.Key.Next)
}

func readKey(spec *pipeline.KeySpec) (pseudonym.Key, error) {
	switch {
	case spec.Env != "":
		text, ok := os.LookupEnv(spec.Env)
		if !ok {
			return pseudonym.Key{}, fmt.Errorf("vault key: the environment variable %s is not set", spec.Env)
		}
		return pseudonym.NewKey([]byte(text))
	case spec.File != "":
		return pseudonym.ReadKeyFile(spec.File)
	case spec.Credential != "":
		text, err := secretfile.ReadCredential(os.Getenv(credentialsVariable), spec.Credential)
		if err != nil {
			return pseudonym.Key{}, fmt.Errorf("vault key: %w", err)
		}
		return pseudonym.NewKey(text)
	}
	return readAgeKey(spec)
}

func readAgeKey(spec *pipeline.KeySpec) (pseudonym.Key, error) {
	var unlock agekey.Unlock
	var err error
	switch {
	case spec.Identity != "":
		unlock.Identities, err = secretfile.Read(spec.Identity)
	case spec.PassphraseFile != "":
		unlock.Passphrase, err = secretfile.Read(spec.PassphraseFile)
	default:
		text, ok := os.LookupEnv(spec.PassphraseEnv)
		if !ok || text == "" {
			err = fmt.Errorf("the environment variable %s is not set", spec.PassphraseEnv)
		}
		unlock.Passphrase = []byte(text)
	}
	if err != nil {
		return pseudonym.Key{}, fmt.Errorf("vault key: what opens %s: %w", spec.Age, err)
	}
	return agekey.Read(spec.Age, unlock)
}
