package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"roomline/configs"
	"roomline/signalling/matrix"
)

func registrationCommand() *cobra.Command {
	puppet := false
	c := withFile("registration", "Write the file that introduces Roomline to the homeserver", func(c *cobra.Command, file string) error {
		cfg, err := configs.Load(file)
		if err != nil {
			return err
		}
		if user := cfg.Matrix.Account.User; user != "" {
			fmt.Fprintf(c.OutOrStdout(), toldAccount, user)
			return nil
		}
		name, write, text := cfg.Matrix.Registration, matrix.WriteRegistration, told
		if puppet {
			name, write, text = cfg.Matrix.DoublePuppet, matrix.WriteDoublePuppet, told+toldPuppet
		}
		if name == "" {
			return errNoPuppet
		}
		created, err := write(cfg.Matrix)
		if err != nil {
			return err
		}
		path, err := filepath.Abs(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), text, verb(created), path, path)
		if cfg.Matrix.Encryption.Enabled && !puppet {
			fmt.Fprint(c.OutOrStdout(), toldEncryption, matrix.Switches)
		}
		return nil
	})
	c.Flags().BoolVar(&puppet, "double-puppet", false, "write the second registration, by which users join telephone rooms without being asked")
	return c
}

var errNoPuppet = errors.New("the second registration needs a name: set matrix.double_puppet, for example to double-puppet.yaml")

const told = `%s %s
Add it to homeserver.yaml, readable by the homeserver, and restart that
(for Dendrite: to app_service_api, config_files, in dendrite.yaml):

app_service_config_files:
  - %q
`

const toldEncryption = `
Encrypted rooms: the homeserver reads this file only when it starts, and needs these lines in homeserver.yaml as well
(Synapse; docs/encryption.md):

`

const toldPuppet = `
Keep it safe: whoever has its as_token can act for every user of the homeserver.
`

const toldAccount = `matrix.account.user is set: Roomline logs in as %s, and needs no registration.
Nothing was written.
`

func verb(created bool) string {
	if created {
		return "wrote"
	}
	return "updated, with its tokens kept,"
}
