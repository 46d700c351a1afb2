package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"roomline/configs"
	"roomline/signalling/matrix"
)

const toldIdentity = `The account %s has an identity now, and Roomline's device is signed with it.
Its recovery key, which is kept nowhere else, and is not shown again:

    %s

Keep it where you keep passwords. Roomline needs it again only after its database was lost: as matrix.account.recovery_key.
`

func identityCommand() *cobra.Command {
	return withFile("identity", "Give the account of matrix.account an identity, and print its recovery key once; the gateway must not run", func(c *cobra.Command, file string) error {
		cfg, err := configs.Load(file)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.Context(), inspectTime)
		defer cancel()
		key, err := matrix.Identify(ctx, cfg.Matrix, cfg.Database)
		if key != "" {
			fmt.Fprintf(c.OutOrStdout(), toldIdentity, cfg.Matrix.Account.User, key)
		}
		return err
	})
}
