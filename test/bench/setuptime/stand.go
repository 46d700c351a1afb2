package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"roomline/test/bench/local"
	"roomline/test/interop/rig"
)

const patience = 10 * time.Second // for each step of a call

// stand is one gateway between a homeserver and a trunk of its own.
type stand struct {
	gateway *exec.Cmd
	said    bytes.Buffer
	as      string // URL of the gateway's listener
	token   string
	hs      *homeserver
	trunk   *rig.Carrier
	rooms   int
	txn     int

	out, back []time.Duration // measured so far
}

func open(ctx context.Context, program, dir string, rooms int) (*stand, error) {
	s := &stand{rooms: rooms}
	sip, err := s.peers()
	if err != nil {
		return nil, err
	}
	if err := s.configure(ctx, program, dir, sip); err != nil {
		return nil, err
	}
	s.gateway = exec.Command(program, "run", "-c", filepath.Join(dir, "roomline.yaml"))
	s.gateway.Stdout, s.gateway.Stderr = &s.said, &s.said
	if err := s.gateway.Start(); err != nil {
		return nil, err
	}
	select {
	case <-s.hs.pinged:
		return s, nil
	case <-time.After(patience):
		s.close()
		return nil, fmt.Errorf("%s is not ready:\n%s", program, s.said.Bytes())
	}
}

// peers opens the homeserver and the trunk, and returns the gateway's SIP address.
func (s *stand) peers() (sip string, err error) {
	if s.hs, err = newHomeserver(); err != nil {
		return "", err
	}
	sip = local.Free("udp")
	s.trunk, err = rig.NewCarrier("127.0.0.1:0", sip)
	return sip, err
}

func (s *stand) close() {
	if s.gateway != nil && s.gateway.Process != nil {
		_ = s.gateway.Process.Signal(syscall.SIGTERM)
		_ = s.gateway.Process.Signal(syscall.SIGTERM)
		_ = s.gateway.Wait()
	}
	s.trunk.Close()
	s.hs.close()
}

// configure writes the files with nothing that an older build would not know.
func (s *stand) configure(ctx context.Context, program, dir, sip string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	listen := local.Free("tcp")
	s.as = "http://" + listen
	_, webrtc, _ := net.SplitHostPort(local.Free("udp"))
	text := fmt.Sprintf("matrix: {homeserver: %q, domain: example.org, listen: %q}\ntrunks: {pbx: {host: %q, caller_id: \"+4930555000\"}}\n"+
		"dialing: {country: DE}\nsip: {listen: [\"udp://%s\"]}\nmedia: {address: 127.0.0.1, webrtc_port: %s, ports: 40000-41999}\nhttp: {listen: %q}\nlog: {level: error}\n",
		s.hs.url, listen, s.trunk.Addr(), sip, webrtc, local.Free("tcp"))
	file := filepath.Join(dir, "roomline.yaml")
	err := os.WriteFile(file, []byte(text), 0o600)
	if err != nil {
		return err
	}
	s.token, err = local.Register(ctx, program, file)
	return err
}

// push sends the gateway one event of a room, as its homeserver would.
func (s *stand) push(ctx context.Context, room int, kind string, content map[string]any) error {
	s.txn++
	raw, err := json.Marshal(map[string]any{"events": []any{map[string]any{"type": kind, "event_id": fmt.Sprint("$", s.txn), "sender": user(room),
		"room_id": fmt.Sprintf("!%d:example.org", room), "origin_server_ts": time.Now().UnixMilli(), "unsigned": map[string]any{"age": 1}, "content": content}}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, fmt.Sprintf("%s/_matrix/app/v1/transactions/%d", s.as, s.txn), bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway answers %s", res.Status)
	}
	return nil
}
