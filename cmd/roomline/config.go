package main

import (
	"errors"

	"github.com/spf13/cobra"

	"roomline/configs"
)

func exampleCommand() *cobra.Command {
	return command("example", "Print an annotated configuration with every default", func(c *cobra.Command) error {
		_, err := c.OutOrStdout().Write(configs.Example())
		return err
	})
}

func configCommand() *cobra.Command {
	effective := true
	show := withFile("show", "Print the configuration with every default, secrets masked", func(c *cobra.Command, file string) error {
		cfg, err := configs.Load(file)
		if err != nil {
			return err
		}
		return cfg.Effective(c.OutOrStdout())
	})
	show.Flags().BoolVar(&effective, "effective", true, "defaults included, as they are always")
	c := &cobra.Command{Use: "config", Short: "Look at the configuration", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return errors.New("expected: config show") }}
	c.AddCommand(show)
	return c
}
