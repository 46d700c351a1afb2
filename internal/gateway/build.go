package gateway

import (
	"context"
	"fmt"
	"time"

	"roomline/internal/database"
	"roomline/media/peer"
	"roomline/media/port"
	"roomline/signalling"
	"roomline/signalling/matrix"
	"roomline/signalling/number"
	"roomline/signalling/permit"
	"roomline/sip"
)

// build is a straight line: what comes later may use what came before.
func (g *Gateway) build() (err error) {
	if g.db, err = database.Open(context.Background(), g.cfg.Database, g.log); err != nil {
		return err
	}
	g.later("database", func(context.Context) error { return g.db.Close() })

	if g.records, err = openRecords(g.cfg.CDR.JSONL, g.log); err != nil {
		return err
	}
	g.later("call records", func(context.Context) error { return g.records.close() })

	if g.ports, err = port.NewRange(g.cfg.Media.Port(), g.log); err != nil {
		return fmt.Errorf("media.ports: %w", err)
	}
	g.later("RTP ports", func(context.Context) error { g.ports.Close(); return nil })

	if g.peers, err = peer.New(g.cfg.Media.Peer(), g.log); err != nil {
		return fmt.Errorf("media.webrtc_port: %w", err)
	}
	g.later("WebRTC port", func(context.Context) error { return g.peers.Close() })

	numbers, err := number.New(g.cfg.Dialing.Country)
	if err != nil {
		return fmt.Errorf("dialing.country: %w", err)
	}
	sounds, err := g.sounds()
	if err != nil {
		return err
	}
	g.permit = permit.New(permit.Options{Config: g.cfg.Permissions, Dialing: g.cfg.Dialing.Rules(), Numbers: numbers, Refused: g.metrics.forbid, Log: g.log})
	g.later("permissions", func(context.Context) error { return g.permit.Close() })
	g.exchange = signalling.NewExchange(signalling.Options{Router: g.router(numbers), Limits: g.limits(), Max: g.cfg.Calls.Max,
		Report: g.report, Refused: g.refused, Write: numbers.Format, Permit: g.permit, MayText: g.permit.Write, Music: sounds.Hold, Log: g.log})
	if err = g.buildSIP(numbers); err != nil {
		return err
	}
	return g.buildMatrix(numbers, sounds.Ringback)
}

// limits gives an answered call as long as its media may take to connect.
func (g *Gateway) limits() signalling.Limits {
	l := g.cfg.Calls.Limits()
	l.Answer = g.cfg.Media.ConnectTimeout + 5*time.Second
	return l
}

func (g *Gateway) buildSIP(numbers *number.Plan) (err error) {
	calls := reader{g.exchange, g.cfg.Routes, numbers, g.permit, g.refused}
	journal, err := sip.OpenJournal(context.Background(), g.db)
	if err != nil {
		return err
	}
	speaks := g.cfg.SIP
	speaks.Read = calls.read
	if g.agent, err = sip.New(speaks, g.cfg.Trunks, g.ports, calls, journal, g.log); err != nil {
		return fmt.Errorf("sip: %w", err)
	}
	g.agent.Correspond(letters{g.exchange, calls, g.permit})
	g.later("SIP", func(context.Context) error { return g.agent.Close() })
	for name := range g.cfg.Trunks {
		if trunk, ok := g.agent.Trunk(name); ok {
			g.exchange.Connect(name, trunk)
		}
		if writer, ok := g.agent.Writer(name); ok {
			g.exchange.Correspond(name, writer)
			g.texts = true
		}
	}
	return nil
}

func (g *Gateway) buildMatrix(numbers *number.Plan, ringback signalling.Music) (err error) {
	g.matrix, err = matrix.New(g.cfg.Matrix, g.db, g.peers, numbers, g.lines(), g.exchange, g.permit, g.log)
	if err != nil {
		return fmt.Errorf("matrix: %w", err)
	}
	g.matrix.Obey(g.exchange)
	g.matrix.RingBack(ringback)
	g.later("Matrix", func(context.Context) error { return g.matrix.Close() })
	g.exchange.Connect(signalling.Matrix, g.matrix)
	g.exchange.Correspond(signalling.Matrix, g.matrix)
	if g.texts {
		g.matrix.Correspond(g.exchange)
	}
	return nil
}

// lines are the users that calls from a trunk may ring, by the number called.
func (g *Gateway) lines() map[string]string {
	lines := map[string]string{}
	for _, r := range g.cfg.Routes.Inbound {
		for _, user := range append([]string{r.User}, r.Users...) {
			if user != "" {
				lines[r.To+" "+user] = user // a number may ring several
			}
		}
	}
	return lines
}
