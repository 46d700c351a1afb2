package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Softphone is baresip: a telephone that plays a tone, and records what it hears.
type Softphone struct {
	dir     string
	cmd     *exec.Cmd
	stdin   io.Closer     // without one baresip spins
	control net.Conn      // its ctrl_tcp
	done    chan struct{} // closed when the process has ended
}

// NewSoftphone runs one at an address of its own, under a number, which answers
// calls by itself. It speaks PCMU; account is more for its account line, such as
// ";mediaenc=srtp-mand".
func NewSoftphone(ctx context.Context, dir, addr, number string, hz float64, account string) (*Softphone, error) {
	p := &Softphone{dir: dir, done: make(chan struct{})}
	if err := p.prepare(addr, number, hz, account); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	p.cmd = exec.Command("baresip", "-f", dir, "-4")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start baresip: %w", err)
	}
	go func() { // ends with the process
		defer close(p.done)
		_ = p.cmd.Wait() // the log tells
		_ = log.Close()
	}()
	if p.control, err = p.connect(ctx, addr+":4444"); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Softphone) prepare(addr, number string, hz float64, account string) error {
	tone := Sound{Rate: carrierRate, Samples: make([]float64, 60*carrierRate)}
	for i := range tone.Samples {
		tone.Samples[i] = 0.22 * math.Sin(2*math.Pi*hz*float64(i)/carrierRate)
	}
	config := fmt.Sprintf(`poll_method epoll
sip_listen %[1]s:5060
net_interface %[1]s
call_max_calls 4
rtp_ports 32000-32099
audio_source aufile,%[2]s/tone.wav
audio_player aubridge,x
audio_alert aubridge,y
ausrc_format s16
auplay_format s16
module_path /usr/lib/baresip/modules
module aufile.so
module g711.so
module srtp.so
module aubridge.so
module sndfile.so
snd_path %[2]s
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen %[1]s:4444
`, addr, p.dir)
	line := fmt.Sprintf("<sip:%s@%s:5060>;regint=0;answermode=auto;audio_codecs=PCMU/8000/1%s\n", number, addr, account)
	if err := tone.Save(filepath.Join(p.dir, "tone.wav")); err != nil {
		return err
	}
	for name, text := range map[string]string{"config": config, "accounts": line, "contacts": ""} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (p *Softphone) connect(ctx context.Context, addr string) (net.Conn, error) {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			return c, nil
		}
		select {
		case <-look.C:
		case <-p.done:
			return nil, fmt.Errorf("baresip has ended; see %s/log", p.dir)
		case <-ctx.Done():
			return nil, fmt.Errorf("baresip does not listen: %w", err)
		}
	}
}

// Do gives one of baresip's commands: Do("dial", "sip:1@127.0.0.1"), Do("hold",
// ""), Do("resume", ""), Do("hangup", "").
func (p *Softphone) Do(command, parameters string) error {
	text, err := json.Marshal(map[string]string{"command": command, "params": parameters})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.control, "%d:%s,", len(text), text) // a netstring
	return err
}

// Heard is what the telephone heard in its only call, once that has ended.
func (p *Softphone) Heard(ctx context.Context) (Sound, error) {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		found, _ := filepath.Glob(filepath.Join(p.dir, "*-dec.wav"))
		if len(found) == 1 {
			if s, err := ReadWAV(found[0]); err == nil && s.Complete {
				return s, nil
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return Sound{}, fmt.Errorf("%d recordings in %s, or none complete: %w", len(found), p.dir, ctx.Err())
		}
	}
}

// Close ends the program.
func (p *Softphone) Close() {
	_ = p.stdin.Close()
	if p.control != nil {
		_ = p.control.Close()
	}
	_ = p.cmd.Process.Kill() // ended already, or not
	<-p.done
}
