package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"roomline/configs"
)

// errWrong ends check after it has said everything itself.
var errWrong = errors.New("the configuration has mistakes")

func checkCommand() *cobra.Command {
	asJSON := false
	c := withFile("check", "Print every mistake in the configuration file", func(c *cobra.Command, file string) error {
		cfg, err := configs.Load(file)
		if asJSON {
			return writeJSON(c.OutOrStdout(), file, err)
		}
		var mistakes configs.Problems
		switch {
		case errors.As(err, &mistakes):
			fmt.Fprintln(c.OutOrStdout(), mistakes)
			return errWrong
		case err != nil: // it cannot be read
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s: no mistakes (trunks: %d, numbers that ring: %d)\n", file, len(cfg.Trunks), len(cfg.Routes.Inbound))
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "write one JSON object")
	return c
}

// writeJSON writes what Load found, for machines.
func writeJSON(w io.Writer, file string, err error) error {
	out := struct {
		OK       bool             `json:"ok"`
		Problems configs.Problems `json:"problems"`
	}{err == nil, configs.Problems{}}
	if err != nil && !errors.As(err, &out.Problems) {
		out.Problems = configs.Problems{{File: file, Text: err.Error()}}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if werr := enc.Encode(out); werr != nil || err == nil {
		return werr
	}
	return errWrong
}

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
