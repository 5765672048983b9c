package demo

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
)

const pingEvery = 100 * time.Millisecond

// ping asks an address for echoes, ten times a second, and remembers when
// answers came.
type ping struct {
	conn *icmp.PacketConn
	to   *net.IPAddr
	id   int
	done chan struct{}
	wait sync.WaitGroup

	mu      sync.Mutex
	answers []time.Time
}

func startPing(to netip.Addr) (*ping, error) {
	conn, err := icmp.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		return nil, fmt.Errorf("pinging needs root: %w", err)
	}
	p := &ping{conn: conn, to: &net.IPAddr{IP: to.AsSlice()}, id: os.Getpid() & 0xffff, done: make(chan struct{})}
	p.wait.Go(p.send)
	p.wait.Go(p.receive)
	return p, nil
}

func (p *ping) send() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for sequence := 1; ; sequence++ {
		message := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: p.id, Seq: sequence & 0xffff, Data: []byte("wisp")}}
		if packet, err := message.Marshal(nil); err == nil {
			_, _ = p.conn.WriteTo(packet, p.to) // an unreachable network is an answer that does not come
		}
		select {
		case <-p.done:
			return
		case <-tick.C:
		}
	}
}

func (p *ping) receive() {
	buffer := make([]byte, 1500)
	for {
		n, from, err := p.conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		message, err := icmp.ParseMessage(ipv4.ICMPTypeEchoReply.Protocol(), buffer[:n])
		if err != nil || message.Type != ipv4.ICMPTypeEchoReply || from.String() != p.to.String() {
			continue
		}
		if echo, ok := message.Body.(*icmp.Echo); ok && echo.ID == p.id {
			p.mu.Lock()
			p.answers = append(p.answers, time.Now())
			p.mu.Unlock()
		}
	}
}

// last is when the newest answer came; zero when none did.
func (p *ping) last() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.answers) == 0 {
		return time.Time{}
	}
	return p.answers[len(p.answers)-1]
}

// firstAfter is when the first answer after t came; zero when none did.
func (p *ping) firstAfter(t time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.answers {
		if at.After(t) {
			return at
		}
	}
	return time.Time{}
}

func (p *ping) stop() error {
	close(p.done)
	err := p.conn.Close()
	p.wait.Wait()
	return err
}
