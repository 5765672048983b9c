package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxLine bounds what one line from QEMU may take in memory.
const maxLine = 4 << 20

// ErrClosed is the reason of a connection's end that Close brought about.
var ErrClosed = errors.New("the QMP connection was closed")

// Client is one QMP connection, ready for commands. Its methods may be called
// from many goroutines.
type Client struct {
	conn    net.Conn
	version Version
	handle  func(Event)

	writing sync.Mutex // one command is written at a time

	mu      sync.Mutex
	next    int64
	waiting map[string]chan reply
	err     error // why the connection ended

	done chan struct{}
}

// Dial connects to the socket at path and shakes hands. See New.
func Dial(ctx context.Context, path string, handle func(Event)) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connect to QMP: %w", err)
	}
	return New(ctx, conn, handle)
}

// New shakes hands on a connection that it owns from then on: it is closed
// when that fails. handle (nil: none) gets each event in order, on the
// goroutine that reads: it must return soon, and must not call Execute.
func New(ctx context.Context, conn net.Conn, handle func(Event)) (*Client, error) {
	if handle == nil {
		handle = func(Event) {}
	}
	c := &Client{conn: conn, handle: handle, waiting: map[string]chan reply{}, done: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	reader := bufio.NewReaderSize(conn, 16<<10)
	err := c.greet(reader)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("wait for QEMU's greeting: %w", err)
	}
	go c.read(reader)
	if err := c.Execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		c.Close()
		return nil, fmt.Errorf("shake hands with QEMU: %w", err)
	}
	return c, nil
}

func (c *Client) greet(r *bufio.Reader) error {
	for {
		line, err := readLine(r)
		if err != nil {
			return err
		}
		m, err := parse(line)
		switch {
		case err != nil:
			return err
		case m.greeting != nil:
			c.version = m.greeting.version
			return nil
		case m.event == nil:
			return errors.New("QEMU answers before it greets")
		}
		// Events may come first when someone spoke on this socket before us.
		c.handle(*m.event)
	}
}

// Version is that of the QEMU at the other end.
func (c *Client) Version() Version { return c.version }

// Done is closed when the connection has ended; Err says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is why the connection ended: nil while it lives, ErrClosed after Close.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection, and waits until no event is being handled any
// more. QEMU goes on. It must not be called from handle.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	<-c.done
	return nil
}

// Execute runs a command: args become its arguments (nil: none), its result is
// decoded into out (nil: dropped). An *Error means that QEMU refused. When ctx
// ends first, the command may still be carried out.
func (c *Client) Execute(ctx context.Context, command string, args, out any) error {
	return c.execute(ctx, command, args, out, nil)
}

// ExecuteFile is Execute for the commands that take a file (getfd, add-fd):
// it travels with the command. The caller still owns and closes file.
func (c *Client) ExecuteFile(ctx context.Context, command string, args, out any, file *os.File) error {
	return c.execute(ctx, command, args, out, file)
}

func (c *Client) execute(ctx context.Context, command string, args, out any, file *os.File) error {
	answer := make(chan reply, 1)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return fmt.Errorf("run %s: %w", command, c.err)
	}
	c.next++
	id := strconv.FormatInt(c.next, 10)
	c.waiting[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()

	line, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
		ID        string `json:"id"`
	}{command, args, id})
	if err != nil {
		return fmt.Errorf("run %s: %w", command, err)
	}
	if err := c.write(ctx, append(line, '\n'), file); err != nil {
		return fmt.Errorf("run %s: %w", command, err)
	}
	select {
	case r := <-answer:
		return r.into(command, out)
	case <-c.done:
		// The answer may have been the last thing on the wire.
		select {
		case r := <-answer:
			return r.into(command, out)
		default:
		}
		return fmt.Errorf("run %s: %w", command, c.Err())
	case <-ctx.Done():
		return fmt.Errorf("run %s: %w", command, ctx.Err())
	}
}

func (r reply) into(command string, out any) error {
	if r.err != nil {
		r.err.Command = command
		return r.err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(r.result, out); err != nil {
		return fmt.Errorf("understand the result of %s: %w", command, err)
	}
	return nil
}

// write sends one line whole, or ends the connection: half a line would spoil
// the next one.
func (c *Client) write(ctx context.Context, line []byte, file *os.File) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetWriteDeadline(time.Unix(1, 0)) })
	err := c.send(line, file)
	if !stop() {
		// The deadline may be set only now, after the line went out: whatever
		// is true, the connection is of no more use.
		if err == nil {
			err = ctx.Err()
		}
	}
	if err != nil {
		c.fail(err)
	}
	return err
}

func (c *Client) send(line []byte, file *os.File) error {
	if file == nil {
		_, err := c.conn.Write(line)
		return err
	}
	u, ok := c.conn.(*net.UnixConn)
	if !ok {
		return errors.New("only a Unix socket carries files")
	}
	n, _, err := u.WriteMsgUnix(line, unix.UnixRights(int(file.Fd())), nil)
	if err == nil && n < len(line) {
		_, err = u.Write(line[n:])
	}
	return err
}

// fail ends the connection for a reason; the first one counts.
func (c *Client) fail(reason error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = reason
	}
	c.mu.Unlock()
	c.conn.Close()
}

// read handles what comes in until the connection ends.
func (c *Client) read(r *bufio.Reader) {
	defer close(c.done)
	for {
		line, err := readLine(r)
		if err != nil {
			c.fail(fmt.Errorf("read from QEMU: %w", err))
			return
		}
		m, err := parse(line)
		if err != nil {
			c.fail(fmt.Errorf("understand QEMU: %w", err))
			return
		}
		switch {
		case m.event != nil:
			c.handle(*m.event)
		case m.reply != nil:
			c.mu.Lock()
			answer := c.waiting[m.reply.id]
			delete(c.waiting, m.reply.id)
			c.mu.Unlock()
			if answer != nil {
				answer <- *m.reply
			}
		}
	}
}

// readLine returns the next line that is not blank. What it returns is only
// valid until the next call.
func readLine(r *bufio.Reader) ([]byte, error) {
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(long)+len(part) > maxLine {
				return nil, fmt.Errorf("a line from QEMU is longer than %d bytes", maxLine)
			}
			long = append(long, part...)
			continue
		case errors.Is(err, io.EOF) && len(long)+len(part) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
		line := part
		if long != nil {
			line = append(long, part...)
		}
		if len(trim(line)) > 0 {
			return trim(line), nil
		}
		long = nil
	}
}

func trim(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line
}
