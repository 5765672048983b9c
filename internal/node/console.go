package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/nodeapi"
)

const (
	// historyLines and historyBytes bound what a viewer of a serial console
	// sees of what was printed before.
	historyLines = 200
	historyBytes = 32 << 10
	// serialBuffer is how much of a serial console waits for its viewer.
	serialBuffer = 256 << 10
)

// OpenConsole implements nodeapi.Agent.
func (a agent) OpenConsole(ctx context.Context, id, kind string) (nodeapi.Stream, error) {
	if !hypervisor.ValidID(id) {
		return nil, errs.New(errs.Invalid, "The parameters of %s are wrong.", nodeapi.CallOpenConsole)
	}
	switch kind {
	case nodeapi.ConsoleSerial:
		return a.serials.open(ctx, a.cfg.Driver, id, a.log)
	case nodeapi.ConsoleVNC:
		conn, err := a.cfg.Driver.OpenConsole(ctx, id, hypervisor.ConsoleVNC)
		if err != nil {
			return nil, err
		}
		return display{conn}, nil
	}
	return nil, errs.New(errs.Invalid, "This host's wisp does not know the console %q.", kind)
}

// display is a connection to a machine's display. Any number may be open.
type display struct{ net.Conn }

// Reason implements nodeapi.Stream.
func (display) Reason() string { return "" }

// serialConsoles are the serial consoles that are open: at most one of each
// machine, the newest. The zero value is ready.
type serialConsoles struct {
	mu   sync.Mutex
	byID map[string]*serialConsole
}

// open connects to a machine's serial port, and takes it from whoever has it.
func (c *serialConsoles) open(ctx context.Context, driver hypervisor.Driver, id string, log *slog.Logger) (nodeapi.Stream, error) {
	mine := newSerialConsole()
	mine.closed = func() { c.forget(id, mine) }
	c.mu.Lock()
	if c.byID == nil {
		c.byID = map[string]*serialConsole{}
	}
	before := c.byID[id]
	c.byID[id] = mine
	c.mu.Unlock()
	if before != nil {
		before.end(nodeapi.ReasonTakenOver) // the port serves one at a time
	}
	conn, err := driver.OpenConsole(ctx, id, hypervisor.ConsoleSerial)
	if err != nil {
		c.forget(id, mine)
		return nil, err
	}
	// What is printed from here on waits in the connection, and a little of it
	// may come twice; read the other way round, it could be lost.
	history, err := driver.ConsoleLog(ctx, id, historyLines)
	if err != nil {
		log.WarnContext(ctx, "a console is shown without what was printed before", "instance", id, "error", err)
	}
	if !mine.begin(conn, lastBytes(history, historyBytes)) {
		return nil, errs.New(errs.Conflict, "The console was opened by somebody else meanwhile.")
	}
	return mine, nil
}

func (c *serialConsoles) forget(id string, old *serialConsole) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID[id] == old {
		delete(c.byID, id)
	}
}

// lastBytes cuts a text to its last lines of at most n bytes.
func lastBytes(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	text = text[len(text)-n:]
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return text[i+1:]
	}
	return text
}

// serialConsole is a connection to a serial port for one viewer. It always
// reads, as a port that is not read makes its guest wait: what a slow viewer
// does not take in time is left out, and the viewer told so.
type serialConsole struct {
	closed func()

	mu      sync.Mutex
	changed *sync.Cond
	conn    net.Conn // nil before begin
	waiting []byte   // for the viewer
	skipped int      // bytes that were left out before waiting
	ended   bool
	reason  string
}

func newSerialConsole() *serialConsole {
	s := &serialConsole{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// begin starts with what was printed before. It tells whether the console has
// not been taken over already.
func (s *serialConsole) begin(conn net.Conn, history []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		_ = conn.Close() // nobody has used it
		return false
	}
	s.conn, s.waiting = conn, bytes.Clone(history)
	go s.listen(conn)
	return true
}

// listen reads until the port is closed.
func (s *serialConsole) listen(conn net.Conn) {
	chunk := make([]byte, 16<<10)
	for {
		n, err := conn.Read(chunk)
		s.mu.Lock()
		s.waiting = append(s.waiting, chunk[:n]...)
		if over := len(s.waiting) - serialBuffer; over > 0 {
			s.skipped += over
			s.waiting = append(s.waiting[:0], s.waiting[over:]...)
		}
		s.changed.Broadcast()
		s.mu.Unlock()
		if err != nil {
			s.end("")
			return
		}
	}
}

// end closes the port; what waits for the viewer can still be read.
func (s *serialConsole) end(reason string) {
	s.mu.Lock()
	conn, first := s.conn, !s.ended
	if first {
		s.ended, s.reason = true, reason
	}
	s.changed.Broadcast()
	s.mu.Unlock()
	if first && conn != nil {
		_ = conn.Close() // nothing was written that could be lost
	}
	if s.closed != nil {
		s.closed()
	}
}

// Read implements nodeapi.Stream.
func (s *serialConsole) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) == 0 && !s.ended {
		s.changed.Wait()
	}
	if s.skipped > 0 {
		note := fmt.Sprintf("\r\n[%d bytes were left out: they came faster than they were read]\r\n", s.skipped)
		s.waiting, s.skipped = append([]byte(note), s.waiting...), 0
	}
	if len(s.waiting) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.waiting)
	s.waiting = s.waiting[n:]
	if len(s.waiting) == 0 {
		s.waiting = nil // an idle console keeps no memory
	}
	return n, nil
}

// Write implements nodeapi.Stream.
func (s *serialConsole) Write(p []byte) (int, error) { return s.conn.Write(p) }

// Close implements nodeapi.Stream.
func (s *serialConsole) Close() error {
	s.end("")
	return nil
}

// Reason implements nodeapi.Stream.
func (s *serialConsole) Reason() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}
