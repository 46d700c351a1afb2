package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"roomline/configs"
	"roomline/signalling/matrix"
)

func registrationCommand() *cobra.Command {
	return withFile("registration", "Write the file that introduces Roomline to the homeserver", func(c *cobra.Command, file string) error {
		cfg, err := configs.Load(file)
		if err != nil {
			return err
		}
		created, err := matrix.WriteRegistration(cfg.Matrix)
		if err != nil {
			return err
		}
		path, err := filepath.Abs(cfg.Matrix.Registration)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), told, verb(created), path, path)
		return nil
	})
}

const told = `%s %s
Add it to homeserver.yaml, readable by the homeserver, and restart that:

app_service_config_files:
  - %q
`

func verb(created bool) string {
	if created {
		return "wrote"
	}
	return "updated, with its tokens kept,"
}
