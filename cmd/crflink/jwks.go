package main

import (
	"github.com/spf13/cobra"

	"github.com/crflink/crflink/internal/wire"
)

func jwksCommand() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "jwks KEY...",
		Short: "Print the public keys that a hospital's authorisation server has to know",
		Long: `Reads private keys (PEM or JWK; RSA of 2048 bits or more, or of the curve P-384; mode 0600) and prints their public halves as a
JWK Set, for oauth: {key: KEY} in a study file (SMART Backend Services). Name the old and the new key while one replaces the
other.
` + exitHelp,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := wire.PublicKeys(id, args...)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(append(set, '\n'))
			return err
		},
	}
	cmd.Flags().StringVar(&id, "key-id", "", "the key's id, as key-id of the study file says it (default its thumbprint)")
	return cmd
}
