package nodeapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"wisp/internal/errs"
)

// pipeConsole is a console whose other end the test holds.
type pipeConsole struct {
	net.Conn
	reason string
}

func (c *pipeConsole) Reason() string { return c.reason }

// consoleWorld is a server and a node whose consoles are the test's.
type consoleWorld struct {
	server *Server
	stop   func() // ends the node
	guests chan net.Conn
	reason string
}

func openConsoles(t *testing.T) *consoleWorld {
	t.Helper()
	cloud := newFakeCloud()
	w := &consoleWorld{guests: make(chan net.Conn, 8)}
	server, dial := startServer(t, cloud, cloud.subscribe)
	agent := &fakeAgent{host: "h1", console: func(_ context.Context, id, kind string) (Stream, error) {
		if id != "one" {
			return nil, errs.New(errs.Conflict, "The machine is not running.")
		}
		ours, theirs := memoryPipe()
		w.guests <- theirs
		return &pipeConsole{ours, w.reason}, nil
	}}
	_, w.stop = startClient(t, dial, agent)
	w.server = server
	eventually(t, "the session", func() bool { return len(server.Hosts()) == 1 })
	return w
}

func (w *consoleWorld) open(t *testing.T) (viewer Stream, guest net.Conn) {
	t.Helper()
	viewer, err := w.server.OpenConsole(t.Context(), "h1", "one", ConsoleSerial)
	if err != nil {
		t.Fatal(err)
	}
	return viewer, <-w.guests
}

func read(t *testing.T, from io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

func write(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

func TestStreamCarriesBothWays(t *testing.T) {
	t.Parallel()
	w := openConsoles(t)
	viewer, guest := w.open(t)
	write(t, guest, "login: ")
	read(t, viewer, "login: ")
	write(t, viewer, "root\r")
	read(t, guest, "root\r")

	// Much at once, both ways, more than any window.
	const size = 3 << 20
	content := make([]byte, size)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	sums := make(chan [32]byte, 2)
	take := func(from io.Reader) {
		h := sha256.New()
		_, _ = io.CopyN(h, from, size)
		sums <- [32]byte(h.Sum(nil))
	}
	send := func(to io.Writer) { _, _ = io.Copy(to, bytes.NewReader(content)) }
	go take(viewer)
	go take(guest)
	go send(viewer)
	go send(guest)
	for range 2 {
		if <-sums != sha256.Sum256(content) {
			t.Error("bytes were lost or changed")
		}
	}
	if err := viewer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := viewer.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := io.ReadAll(guest); err != nil {
		t.Errorf("the guest's end after the viewer has left: %v", err)
	}
	if _, err := viewer.Write([]byte("x")); err == nil {
		eventually(t, "writes to a closed stream fail", func() bool {
			_, err := viewer.Write([]byte("x"))
			return err != nil
		})
	}
}

// What a console said before it ended is read to its end, and why it ended is
// told.
func TestStreamEndsWithTheConsole(t *testing.T) {
	t.Parallel()
	w := openConsoles(t)
	w.reason = ReasonTakenOver
	viewer, guest := w.open(t)
	last := strings.Repeat("the last words\r\n", 8<<10)
	go func() {
		_, _ = io.WriteString(guest, last)
		_ = guest.Close()
	}()
	if got, err := io.ReadAll(viewer); err != nil || string(got) != last {
		t.Errorf("%d bytes of %d, %v", len(got), len(last), err)
	}
	if viewer.Reason() != ReasonTakenOver {
		t.Errorf("the reason is %q", viewer.Reason())
	}
	if err := viewer.Close(); err != nil {
		t.Error(err)
	}
}

func TestStreamEndsWithTheNode(t *testing.T) {
	t.Parallel()
	w := openConsoles(t)
	viewer, guest := w.open(t)
	w.stop()
	if _, err := io.ReadAll(viewer); err == nil {
		t.Error("a stream that was cut looks as if its console had ended")
	}
	if _, err := io.ReadAll(guest); err != nil {
		t.Errorf("the console stays open: %v", err)
	}
	eventually(t, "the host is not connected", func() bool {
		_, err := w.server.OpenConsole(t.Context(), "h1", "one", ConsoleSerial)
		return errs.Is(err, errs.Unavailable)
	})
}

// A newer session of the same host ends the streams of the older one.
func TestStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	w := openConsoles(t)
	viewer, guest := w.open(t)
	w.server.mu.Lock()
	session := w.server.current("h1")
	w.server.mu.Unlock()
	session.end(errReplaced)
	if _, err := io.ReadAll(viewer); err == nil {
		t.Error("the stream of a session that ended goes on")
	}
	if _, err := io.ReadAll(guest); err != nil {
		t.Errorf("the console stays open: %v", err)
	}
	eventually(t, "the node comes back", func() bool {
		again, err := w.server.OpenConsole(t.Context(), "h1", "one", ConsoleSerial)
		if err != nil {
			return false
		}
		return again.Close() == nil
	})
}

// Viewers that read nothing hold up neither the session nor other viewers.
func TestStreamThatNobodyReads(t *testing.T) {
	t.Parallel()
	w := openConsoles(t)
	for range 20 {
		viewer, guest := w.open(t)
		go func() {
			chunk := make([]byte, 32<<10)
			for {
				if _, err := guest.Write(chunk); err != nil {
					return
				}
			}
		}()
		t.Cleanup(func() { _ = viewer.Close() })
	}
	viewer, guest := w.open(t)
	write(t, guest, "here")
	read(t, viewer, "here")
	_ = viewer.Close()
}

// A console that takes no input is let go when its viewer has left, and a
// write that waits for it does not hold the server.
func TestStreamWhoseConsoleTakesNoInput(t *testing.T) {
	t.Parallel()
	w := openConsoles(t)
	viewer, guest := w.open(t)
	stuck := make(chan error, 1)
	go func() {
		chunk := make([]byte, 1<<20)
		for {
			if _, err := viewer.Write(chunk); err != nil {
				stuck <- err
				return
			}
		}
	}()
	// The node's window and the console's buffer fill up; closing must help
	// at whichever point the writer is.
	read(t, guest, "\x00")
	_ = viewer.Close()
	if err := <-stuck; err == nil {
		t.Error("the write ended without an error")
	}
	_ = guest.SetReadDeadline(time.Now().Add(4 * linger))
	if _, err := io.ReadAll(guest); err != nil {
		t.Errorf("the console was not let go: %v", err)
	}
}

func TestOpenConsoleFails(t *testing.T) {
	t.Parallel()
	w := openConsoles(t)
	if _, err := w.server.OpenConsole(t.Context(), "h1", "two", ConsoleVNC); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "not running") {
		t.Errorf("what the node refuses: %v", err)
	}
	if _, err := w.server.OpenConsole(t.Context(), "h2", "one", ConsoleVNC); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a host that is not there: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.server.OpenConsole(gone, "h1", "one", ConsoleVNC); !errs.Is(err, errs.Unavailable) {
		t.Errorf("nobody waits any more: %v", err)
	}
	for name, params := range map[string]OpenConsoleParams{
		"a stream that nobody waits for": {InstanceID: "one", Kind: ConsoleVNC, StreamID: uuid.NewString()},
		"a stream's id that is a path":   {InstanceID: "one", Kind: ConsoleVNC, StreamID: "../images/x"},
	} {
		if err := w.server.Call(t.Context(), "h1", CallOpenConsole, params, nil); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	if err := w.server.Call(t.Context(), "h1", CallOpenConsole, "text", nil); !errs.Is(err, errs.Invalid) {
		t.Errorf("no parameters: %v", err)
	}
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	if len(w.server.streams) != 0 {
		t.Errorf("%d streams are still waited for", len(w.server.streams))
	}
}

// A node cannot take the stream of another host's console.
func TestStreamOfAnotherHost(t *testing.T) {
	t.Parallel()
	w := openConsoles(t)
	w.server.mu.Lock()
	w.server.streams["x"] = &expected{host: "h1", session: w.server.current("h1"), arrived: make(chan *serverStream, 1)}
	w.server.mu.Unlock()
	r := httptest.NewRequest(http.MethodPost, streamsPath+"x", nil)
	r = r.WithContext(context.WithValue(r.Context(), peerKey{}, peer{host: "h2", limitWrites: func(time.Time) {}}))
	recorder := httptest.NewRecorder()
	w.server.mux.ServeHTTP(recorder, r)
	if recorder.Code != http.StatusNotFound {
		t.Errorf("the answer is %d", recorder.Code)
	}
	w.server.mu.Lock()
	delete(w.server.streams, "x")
	w.server.mu.Unlock()
}

// The Call was answered, but too late: the stream that came is not leaked.
func TestStreamThatComesTooLate(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	server, dial := startServer(t, cloud, cloud.subscribe)
	opening, release := make(chan struct{}), make(chan struct{})
	ours, theirs := memoryPipe()
	startClient(t, dial, &fakeAgent{host: "h1", console: func(context.Context, string, string) (Stream, error) {
		close(opening)
		<-release
		return &pipeConsole{Conn: ours}, nil
	}})
	eventually(t, "the session", func() bool { return len(server.Hosts()) == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := server.OpenConsole(ctx, "h1", "one", ConsoleSerial)
		failed <- err
	}()
	<-opening
	cancel()
	if err := <-failed; !errs.Is(err, errs.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("the opening: %v", err)
	}
	close(release)
	if _, err := io.ReadAll(theirs); err != nil {
		t.Errorf("the console stays open: %v", err)
	}
}
