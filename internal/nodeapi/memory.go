package nodeapi

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memoryNetwork is the name of the network, and the address of both ends, of
// connections within one process. No socket of the kernel has this address,
// so a server can tell by it that the other end is its own process.
const memoryNetwork = "memory"

// memoryBuffer is how many bytes one direction of a connection holds.
const memoryBuffer = 128 << 10

// Memory returns a listener and the function that dials it, all within this
// process: what the all-in-one uses between its server and its node. dial
// has the signature of http.Transport.DialContext and ignores the address.
// Connections are buffered and honour deadlines. When the listener is closed,
// dialing fails and connections that were not accepted are closed.
func Memory() (listener net.Listener, dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	l := &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return l, l.dial
}

type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

func (l *memoryListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := memoryPipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: memoryNetwork, Addr: memoryAddr{}, Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: memoryNetwork, Addr: memoryAddr{}, Err: ctx.Err()}
	}
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return memoryNetwork }
func (memoryAddr) String() string  { return memoryNetwork }

// memoryPipe returns the two ends of a connection.
func memoryPipe() (net.Conn, net.Conn) {
	a, b := newHalf(), newHalf()
	return &memoryConn{in: a, out: b}, &memoryConn{in: b, out: a}
}

// memoryConn is one end: it reads from one half and writes to the other.
type memoryConn struct{ in, out *half }

func (c *memoryConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *memoryConn) LocalAddr() net.Addr         { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr        { return memoryAddr{} }

// Close ends both directions: the other end reads what is still buffered and
// then io.EOF; its writes fail.
func (c *memoryConn) Close() error {
	c.in.closeReader()
	c.out.closeWriter()
	return nil
}

func (c *memoryConn) SetDeadline(t time.Time) error {
	c.in.readBy.set(c.in, t)
	c.out.writeBy.set(c.out, t)
	return nil
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.readBy.set(c.in, t)
	return nil
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.writeBy.set(c.out, t)
	return nil
}

// half is one direction: a ring of bytes between a writer and a reader.
type half struct {
	mu           sync.Mutex
	changed      *sync.Cond
	ring         []byte // grows up to memoryBuffer
	start, size  int
	writerClosed bool
	readerClosed bool
	readBy       deadline
	writeBy      deadline
}

// deadline is one side's limit of time; guarded by the half's mutex.
type deadline struct {
	passed bool
	timer  *time.Timer
	serial int // counts the calls of set: a timer that fires late is not for this deadline
}

func newHalf() *half {
	h := &half{}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (d *deadline) set(h *half, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.serial++
	d.passed = false
	if !t.IsZero() {
		if wait := time.Until(t); wait <= 0 {
			d.passed = true
		} else {
			mine := d.serial
			d.timer = time.AfterFunc(wait, func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				if d.serial == mine {
					d.passed = true
					h.changed.Broadcast()
				}
			})
		}
	}
	h.changed.Broadcast()
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readerClosed:
			return 0, net.ErrClosed
		case h.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case h.size > 0:
			n := copy(p, h.ring[h.start:min(h.start+h.size, len(h.ring))])
			if rest := h.size - n; rest > 0 && n < len(p) {
				n += copy(p[n:], h.ring[:rest])
			}
			h.start, h.size = (h.start+n)%len(h.ring), h.size-n
			h.changed.Broadcast()
			return n, nil
		case h.writerClosed:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *half) write(p []byte) (written int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.writerClosed:
			return written, net.ErrClosed
		case h.readerClosed:
			return written, io.ErrClosedPipe
		case h.writeBy.passed:
			return written, os.ErrDeadlineExceeded
		case len(p) == 0:
			return written, nil
		}
		h.grow(len(p))
		if free := len(h.ring) - h.size; free > 0 {
			end := (h.start + h.size) % len(h.ring)
			n := copy(h.ring[end:min(end+free, len(h.ring))], p)
			if n < len(p) && n < free {
				n += copy(h.ring[:free-n], p[n:])
			}
			h.size += n
			written += n
			p = p[n:]
			h.changed.Broadcast()
			continue
		}
		h.changed.Wait()
	}
}

// grow makes room for n more bytes, as far as the buffer may grow: an idle
// connection costs a few kilobytes.
func (h *half) grow(n int) {
	want := h.size + n
	if want <= len(h.ring) || len(h.ring) == memoryBuffer {
		return
	}
	size := max(len(h.ring), 4<<10)
	for size < want && size < memoryBuffer {
		size *= 2
	}
	bigger := make([]byte, size)
	if h.size > 0 {
		n := copy(bigger, h.ring[h.start:min(h.start+h.size, len(h.ring))])
		copy(bigger[n:], h.ring[:h.size-n])
	}
	h.ring, h.start = bigger, 0
}

func (h *half) closeReader() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readerClosed = true
	h.changed.Broadcast()
}

func (h *half) closeWriter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writerClosed = true
	h.changed.Broadcast()
}
