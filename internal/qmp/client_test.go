package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const greetingLine = `{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}` + "\n"

// server is QEMU's end of a connection.
type server struct {
	*testing.T
	conn  net.Conn
	lines *bufio.Scanner
}

// pair makes a connected client's end and QEMU's.
func pair(t *testing.T) (net.Conn, *server) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	theirs.SetDeadline(time.Now().Add(30 * time.Second))
	return ours, &server{T: t, conn: theirs, lines: bufio.NewScanner(theirs)}
}

func (s *server) say(text string) {
	if _, err := io.WriteString(s.conn, text); err != nil {
		s.Errorf("say %q: %v", text, err)
	}
}

// hear returns the next command's name and id.
func (s *server) hear() (command, id string) {
	if !s.lines.Scan() {
		s.Errorf("nothing comes: %v", s.lines.Err())
		return "", ""
	}
	var wire struct{ Execute, ID string }
	if err := json.Unmarshal(s.lines.Bytes(), &wire); err != nil {
		s.Error(err)
	}
	return wire.Execute, wire.ID
}

func (s *server) shake() {
	s.say(greetingLine)
	command, id := s.hear()
	if command != "qmp_capabilities" {
		s.Errorf("the first command is %q", command)
	}
	s.say(`{"return": {}, "id": "` + id + `"}` + "\r\n")
}

// connected is a client whose handshake is over.
func connected(t *testing.T, handle func(Event)) (*Client, *server) {
	t.Helper()
	conn, s := pair(t)
	go s.shake()
	c, err := New(t.Context(), conn, handle)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, s
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	c, _ := connected(t, nil)
	if c.Version().String() != "7.2.22" || c.Version().Package != "Debian" {
		t.Errorf("the version is %+v", c.Version())
	}
	if c.Err() != nil {
		t.Errorf("the connection ended: %v", c.Err())
	}
}

func TestHandshakeFails(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*server){
		"closed at once":        func(s *server) { s.conn.Close() },
		"no JSON":               func(s *server) { s.say("HTTP/1.1 400 Bad Request\r\n") },
		"half a line":           func(s *server) { s.say(`{"QMP": {`); s.conn.Close() },
		"a reply instead":       func(s *server) { s.say(`{"return": {}}` + "\n") },
		"closed after greeting": func(s *server) { s.say(greetingLine); s.conn.Close() },
		"capabilities are refused": func(s *server) {
			s.say(greetingLine)
			_, id := s.hear()
			s.say(`{"error": {"class": "CommandNotFound", "desc": "no"}, "id": "` + id + `"}` + "\n")
		},
		"an endless line": func(s *server) {
			// The client gives up in between, so that an error is expected.
			for range maxLine/4096 + 16 {
				if _, err := io.WriteString(s.conn, strings.Repeat("x", 4096)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, s := pair(t)
			go act(s)
			if c, err := New(t.Context(), conn, nil); err == nil {
				c.Close()
				t.Error("accepted")
			}
		})
	}
}

func TestHandshakeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	conn, _ := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := New(ctx, conn, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
}

func TestDialNobody(t *testing.T) {
	t.Parallel()
	if _, err := Dial(t.Context(), filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}

// TestExecuteOutOfOrder lets QEMU answer the second command first.
func TestExecuteOutOfOrder(t *testing.T) {
	t.Parallel()
	c, s := connected(t, nil)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			var out string
			if err := c.Execute(t.Context(), "echo", map[string]int{"a": 1}, &out); err != nil || out == "" {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
	_, first := s.hear()
	_, second := s.hear()
	s.say(`{"return": "two", "id": "` + second + `"}` + "\n" + `{"return": "stray", "id": "none"}` + "\n\n" + `{"return": "one", "id": "` + first + `"}` + "\n")
	all.Wait()
}

func TestExecuteFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string // with ID for the id
		check  func(error) bool
	}{
		"refused": {`{"error": {"class": "DeviceNotFound", "desc": "no such disk"}, "id": "ID"}`, func(err error) bool {
			e, ok := errors.AsType[*Error](err)
			return ok && e.Class == "DeviceNotFound" && e.Command == "cmd" && strings.Contains(e.Error(), "no such disk")
		}},
		"another type":   {`{"return": [1], "id": "ID"}`, func(err error) bool { _, ok := errors.AsType[*json.UnmarshalTypeError](err); return ok }},
		"closed instead": {``, func(err error) bool { return errors.Is(err, io.EOF) }},
		"no JSON":        {`}`, func(err error) bool { _, ok := errors.AsType[*json.SyntaxError](err); return ok }},
		"no message":     {`{}`, func(err error) bool { return errors.Is(err, errShape) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := connected(t, nil)
			go func() {
				_, id := s.hear()
				if test.answer == "" {
					s.conn.Close()
					return
				}
				s.say(strings.Replace(test.answer, "ID", id, 1) + "\n")
			}()
			var out struct{ A int }
			if err := c.Execute(t.Context(), "cmd", nil, &out); !test.check(err) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestExecuteEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c, s := connected(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		s.hear()
		cancel()
	}()
	if err := c.Execute(ctx, "slow", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	// The connection is still good: only the answer was given up.
	go func() {
		_, id := s.hear()
		s.say(`{"return": {}, "id": "` + id + `"}` + "\n")
	}()
	if err := c.Execute(t.Context(), "quick", nil, nil); err != nil {
		t.Error(err)
	}
	if err := c.Execute(ctx, "never", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if err := c.Execute(t.Context(), "bad", func() {}, nil); err == nil {
		t.Error("arguments that are no JSON were sent")
	}
}

func TestWriteThatBlocksEndsTheConnection(t *testing.T) {
	t.Parallel()
	c, _ := connected(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	// Nobody reads at the other end of the pipe.
	if err := c.Execute(ctx, "stuck", nil, nil); err == nil {
		t.Error("it was sent")
	}
	<-c.Done()
	if err := c.Execute(t.Context(), "more", nil, nil); err == nil {
		t.Error("it was sent after half a line")
	}
}

func TestEventsComeInOrder(t *testing.T) {
	t.Parallel()
	events := make(chan Event, 10)
	c, s := connected(t, func(e Event) { events <- e })
	s.say(`{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}` + "\n" +
		`{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}` + "\n")
	first, second := <-events, <-events
	if first.Name != "STOP" || !first.At.Equal(time.Unix(1, 2000)) {
		t.Errorf("the first is %+v", first)
	}
	if second.Name != "SHUTDOWN" || !second.At.IsZero() || !strings.Contains(string(second.Data), "guest-shutdown") {
		t.Errorf("the second is %+v", second)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(c.Err(), ErrClosed) {
		t.Errorf("the reason is %v", c.Err())
	}
	if err := c.Execute(t.Context(), "late", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("the error is %v", err)
	}
}

func TestEventsBeforeGreeting(t *testing.T) {
	t.Parallel()
	conn, s := pair(t)
	seen := make(chan Event, 1)
	go func() {
		s.say(`{"event": "STOP"}` + "\n")
		s.shake()
	}()
	c, err := New(t.Context(), conn, func(e Event) { seen <- e })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if e := <-seen; e.Name != "STOP" {
		t.Errorf("saw %+v", e)
	}
}

func TestExecuteFile(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]*net.UnixConn, 2)
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		conn, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conns[i] = conn.(*net.UnixConn)
	}
	s := &server{T: t, conn: conns[1], lines: bufio.NewScanner(conns[1])}
	go s.shake()
	c, err := New(t.Context(), conns[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	path := filepath.Join(t.TempDir(), "file")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	go func() {
		line, control := make([]byte, 4096), make([]byte, 64)
		n, cn, _, _, err := conns[1].ReadMsgUnix(line, control)
		if err != nil {
			t.Error(err)
			return
		}
		messages, err := unix.ParseSocketControlMessage(control[:cn])
		if err != nil || len(messages) != 1 {
			t.Errorf("messages %v, %v", messages, err)
			return
		}
		got, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(got) != 1 {
			t.Errorf("files %v, %v", got, err)
			return
		}
		if _, err := unix.Write(got[0], []byte("here")); err != nil {
			t.Error(err)
		}
		unix.Close(got[0])
		var wire struct{ ID string }
		if err := json.Unmarshal(line[:n], &wire); err != nil {
			t.Error(err)
		}
		s.say(`{"return": {}, "id": "` + wire.ID + `"}` + "\n")
	}()
	if err := c.ExecuteFile(t.Context(), "getfd", map[string]string{"fdname": "x"}, nil, file); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "here" {
		t.Errorf("the file has %q, %v", b, err)
	}
	pipe, _ := connected(t, nil)
	if err := pipe.ExecuteFile(t.Context(), "getfd", nil, nil, file); err == nil {
		t.Error("a pipe carried a file")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		greetingLine, `{"event":"STOP","timestamp":{"seconds":1,"microseconds":2}}`, `{"return":{},"id":"1"}`, `{"return":null,"id":1}`,
		`{"error":{"class":"a","desc":"b"}}`, `[]`, `null`, `{"QMP":{}}`, `{"event":null}`, `{"timestamp":{"seconds":9223372036854775807}, "event":""}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := parse(line)
		parts := 0
		for _, there := range []bool{m.greeting != nil, m.event != nil, m.reply != nil} {
			if there {
				parts++
			}
		}
		if err == nil && parts != 1 || err != nil && parts != 0 {
			t.Errorf("%d parts and the error %v", parts, err)
		}
	})
}

func FuzzReadLine(f *testing.F) {
	f.Add("a\nb\r\n\n\nc")
	f.Add(strings.Repeat("x", 40<<10) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := bufio.NewReaderSize(strings.NewReader(text), 64)
		for range len(text) + 1 {
			line, err := readLine(r)
			if err != nil {
				return
			}
			if len(line) == 0 || strings.ContainsRune(string(line), '\n') {
				t.Fatalf("the line %q", line)
			}
		}
		t.Fatal("more lines than bytes")
	})
}
