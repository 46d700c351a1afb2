// Package databasetest gives tests databases of both kinds to work on.
package databasetest

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"roomline/internal/database"
)

// Each runs a test on a fresh SQLite database and on a fresh PostgreSQL one.
func Each(t *testing.T, f func(t *testing.T, at database.Address)) {
	t.Helper()
	s := Start(t)
	t.Run("sqlite", func(t *testing.T) { f(t, File(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, s.New(t)) })
}

// File is the address of an SQLite database that is not there yet.
func File(t *testing.T) database.Address {
	return database.Address(filepath.Join(t.TempDir(), "roomline.db"))
}

// Server is a PostgreSQL server of one test, which only this machine reaches.
type Server struct {
	dir  string // of its socket and its data
	made atomic.Int32
}

// Start starts a server, which ends with the test. PostgreSQL must be
// installed; it refuses root, so it runs as another user then.
func Start(t *testing.T) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg-") // t.TempDir lets nobody else in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, as := &Server{dir: dir}, unprivileged(t, dir)
	data := filepath.Join(dir, "data")
	run(t, as, "initdb", "-D", data, "-U", "roomline", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
	cmd := command(t, as, "postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	log := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGQUIT) // at once: nobody needs the data
		cmd.Wait()
		if t.Failed() {
			t.Logf("PostgreSQL said:\n%s", log)
		}
	})
	s.await(t)
	return s
}

// URL is the address of one of the server's databases.
func (s *Server) URL(name string) database.Address {
	return database.Address("postgres://roomline@/" + name + "?host=" + url.QueryEscape(s.dir))
}

// New makes an empty database.
func (s *Server) New(t *testing.T) database.Address {
	t.Helper()
	name := fmt.Sprintf("test%d", s.made.Add(1))
	if err := s.exec(`CREATE DATABASE ` + name); err != nil {
		t.Fatal(err)
	}
	return s.URL(name)
}

// await returns when the server answers.
func (s *Server) await(t *testing.T) {
	t.Helper()
	tick, patience := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		err := s.exec(`SELECT 1`)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-patience:
			t.Fatalf("PostgreSQL does not answer: %v", err)
		}
	}
}

func (s *Server) exec(query string) error {
	db, err := sql.Open("pgx", s.URL("postgres").Reveal())
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(query)
	return err
}

// unprivileged finds a user to run the server as, when we are root, and gives
// it the folder.
func unprivileged(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal("no user to run PostgreSQL as: ", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func command(t *testing.T, as *syscall.Credential, name string, args ...string) *exec.Cmd {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // Debian keeps them off the path
	slices.Sort(found)
	path, err := exec.LookPath(name)
	if len(found) > 0 {
		path, err = found[len(found)-1], nil
	}
	if err != nil {
		t.Fatalf("PostgreSQL is not installed (no %s): test/run.sh install does it, or apt-get install postgresql", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT} // should the test be killed
	return cmd
}

func run(t *testing.T, as *syscall.Credential, name string, args ...string) {
	t.Helper()
	if said, err := command(t, as, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, said)
	}
}
