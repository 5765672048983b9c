package fake

import (
	"context"
	"net"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
)

// terminalSize is how many pieces of output may wait for who has the serial
// port; what does not fit is in the log alone.
const terminalSize = 1024

// OpenConsole implements hypervisor.Driver. The serial port serves one
// connection at a time, as the real one: the guest says back what it hears,
// and what it prints by itself is heard too.
func (d *Driver) OpenConsole(ctx context.Context, id string, kind hypervisor.ConsoleKind) (net.Conn, error) {
	if err := d.running(ctx, id); err != nil {
		return nil, err
	}
	serve := d.host.serveSerial
	switch kind {
	case hypervisor.ConsoleSerial:
	case hypervisor.ConsoleVNC:
		serve = serveDisplay
	default:
		return nil, errs.New(errs.Invalid, "There is no console of the kind %q.", kind)
	}
	m := d.host.alive(id)
	if m == nil {
		return nil, d.running(ctx, id)
	}
	ours, theirs := net.Pipe()
	if m.viewers == nil {
		m.viewers = map[net.Conn]bool{}
	}
	m.viewers[theirs] = true
	d.host.mu.Unlock()
	go func() {
		serve(m, theirs)
		theirs.Close()
		d.host.mu.Lock()
		defer d.host.mu.Unlock()
		delete(m.viewers, theirs)
	}()
	return ours, nil
}

func (h *Host) serveSerial(m *machine, conn net.Conn) {
	m.serial.Lock()
	defer m.serial.Unlock()
	terminal := make(chan []byte, terminalSize)
	h.mu.Lock()
	if !m.viewers[conn] {
		h.mu.Unlock()
		return
	}
	m.terminal = terminal
	h.mu.Unlock()
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		for text := range terminal {
			if _, err := conn.Write(text); err != nil {
				conn.Close() // so that the reader ends as well
			}
		}
	}()
	heard := make([]byte, 4<<10)
	for {
		n, err := conn.Read(heard)
		h.mu.Lock()
		m.print(append([]byte(nil), heard[:n]...))
		if err != nil {
			m.terminal = nil
			close(terminal)
		}
		h.mu.Unlock()
		if err != nil {
			conn.Close()
			<-printed
			return
		}
	}
}

// print lets the guest say something on its serial port. The caller holds the
// host's mu.
func (m *machine) print(text []byte) {
	m.console.Write(text)
	if m.terminal == nil || len(text) == 0 {
		return
	}
	select {
	case m.terminal <- text:
	default:
	}
}
