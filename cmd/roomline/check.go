package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"roomline/configs"
	"roomline/signalling/matrix"
)

var (
	// errWrong ends check after it has said everything itself.
	errWrong = errors.New("the configuration has mistakes")
	// errFailed does, when the configuration is right and calls will not work.
	errFailed = errors.New("calls will not work until what is marked FAIL is put right")
)

// inspectTime bounds all that is asked of the homeserver.
const inspectTime = time.Minute

// checking is one run of check.
type checking struct {
	inspect         func(context.Context, matrix.Config) matrix.Findings // asks the homeserver
	asJSON, offline bool
}

func (p program) checkCommand() *cobra.Command {
	k := checking{inspect: p.inspect}
	c := withFile("check", "Print every mistake in the configuration file, and ask the homeserver whether calls can work", func(c *cobra.Command, file string) error {
		return k.run(c.Context(), c.OutOrStdout(), file)
	})
	c.Flags().BoolVar(&k.asJSON, "json", false, "write one JSON object")
	c.Flags().BoolVar(&k.offline, "offline", false, "look at the file only")
	return c
}

func (k checking) run(ctx context.Context, w io.Writer, file string) error {
	cfg, err := configs.Load(file)
	if k.asJSON {
		return k.writeJSON(w, file, err, k.look(ctx, file, cfg))
	}
	var mistakes configs.Problems
	switch {
	case errors.As(err, &mistakes):
		fmt.Fprintln(w, mistakes)
		return errWrong
	case err != nil: // it cannot be read
		return err
	}
	fmt.Fprintf(w, "%s: no mistakes (trunks: %d, numbers that ring: %d)\n", file, len(cfg.Trunks), len(cfg.Routes.Inbound))
	found := k.look(ctx, file, cfg)
	printFindings(w, found)
	return verdict(found)
}

// look goes beyond the configuration, if that is right.
func (k checking) look(ctx context.Context, file string, cfg *configs.Config) matrix.Findings {
	if cfg == nil {
		return nil
	}
	found := exposed(file, cfg)
	if k.offline {
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	return append(found, k.inspect(ctx, cfg.Matrix)...)
}

// writeJSON writes the same for machines.
func (k checking) writeJSON(w io.Writer, file string, err error, found matrix.Findings) error {
	out := struct {
		OK       bool             `json:"ok"`
		Problems configs.Problems `json:"problems"`
		Findings matrix.Findings  `json:"findings"`
	}{err == nil && verdict(found) == nil, configs.Problems{}, append(matrix.Findings{}, found...)}
	if err != nil && !errors.As(err, &out.Problems) {
		out.Problems = configs.Problems{{File: file, Text: err.Error()}}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	switch werr := enc.Encode(out); {
	case werr != nil:
		return werr
	case err != nil:
		return errWrong
	}
	return verdict(found)
}
