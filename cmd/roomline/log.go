package main

import (
	"io"
	"log/slog"
	"os"

	"roomline/configs"
)

// logger writes to w as the configuration says.
func logger(cfg configs.Log, w io.Writer) *slog.Logger {
	opt := &slog.HandlerOptions{Level: cfg.SlogLevel()}
	if cfg.Format == "text" || cfg.Format == "auto" && terminal(w) {
		return slog.New(slog.NewTextHandler(w, opt))
	}
	return slog.New(slog.NewJSONHandler(w, opt))
}

// terminal tells whether somebody may be reading along.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
