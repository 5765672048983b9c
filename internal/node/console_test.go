package node

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

// running starts a node with one running instance.
func running(t *testing.T) (*world, nodeapi.Instance) {
	t.Helper()
	w := newWorld(t)
	i := instance(nil)
	i.Ports = []nodeapi.InstancePort{{PortID: portID, MAC: "fa:16:3e:00:00:01", MTU: 1450}}
	w.cloud.put(i)
	w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	return w, i
}

func (w *world) console(t *testing.T, id, kind string) nodeapi.Stream {
	t.Helper()
	s, err := w.server.OpenConsole(t.Context(), "h1", id, kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func expect(t *testing.T, from io.Reader, want string) {
	t.Helper()
	var got []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(got, []byte(want)) {
		if _, err := io.ReadFull(from, one); err != nil {
			t.Fatalf("heard %q, want %q at its end: %v", got, want, err)
		}
		got = append(got, one...)
	}
}

func say(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

func TestSerialConsole(t *testing.T) {
	t.Parallel()
	w, i := running(t)
	viewer := w.console(t, i.ID, nodeapi.ConsoleSerial)
	expect(t, viewer, "ready\r\n") // from before
	say(t, viewer, "echo")
	expect(t, viewer, "echo")
	if !w.machines.Write(i.ID, "by itself") {
		t.Fatal("the machine does not run")
	}
	expect(t, viewer, "by itself")

	// A person who loads the page again gets the console; the page before is
	// told.
	second := w.console(t, i.ID, nodeapi.ConsoleSerial)
	if _, err := io.ReadAll(viewer); err != nil || viewer.Reason() != nodeapi.ReasonTakenOver {
		t.Errorf("the first viewer: %v, reason %q", err, viewer.Reason())
	}
	expect(t, second, "by itself")
	say(t, second, "again")
	expect(t, second, "again")

	// The console ends with the machine.
	w.machines.PowerOff(i.ID)
	if _, err := io.ReadAll(second); err != nil || second.Reason() != "" {
		t.Errorf("the machine is off: %v, reason %q", err, second.Reason())
	}
	if _, err := w.server.OpenConsole(t.Context(), "h1", i.ID, nodeapi.ConsoleSerial); !errs.Is(err, errs.Conflict) {
		t.Errorf("the console of a machine that is off: %v", err)
	}
}

func TestDisplays(t *testing.T) {
	t.Parallel()
	w, i := running(t)
	one, two := w.console(t, i.ID, nodeapi.ConsoleVNC), w.console(t, i.ID, nodeapi.ConsoleVNC)
	for _, viewer := range []nodeapi.Stream{one, two} {
		expect(t, viewer, "RFB 003.008\n")
		say(t, viewer, "RFB 003.008\n")
		expect(t, viewer, "\x01\x01") // one way to authenticate: none
	}
}

func TestConsolesAreRefused(t *testing.T) {
	t.Parallel()
	w, i := running(t)
	for name, c := range map[string]struct {
		id, kind string
		want     errs.Kind
	}{
		"an unknown instance": {uuid.NewString(), nodeapi.ConsoleSerial, errs.NotFound},
		"a path as an id":     {"../../etc", nodeapi.ConsoleVNC, errs.Invalid},
		"an unknown kind":     {i.ID, "telepathy", errs.Invalid},
		"unknown, with VNC":   {uuid.NewString(), nodeapi.ConsoleVNC, errs.NotFound},
	} {
		if _, err := w.server.OpenConsole(t.Context(), "h1", c.id, c.kind); !errs.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	w, i := running(t)
	eventually(t, "its port is there", func() bool {
		var s nodeapi.Stats
		err := w.server.Call(t.Context(), "h1", nodeapi.CallStats, nodeapi.StatsParams{InstanceID: i.ID}, &s)
		return err == nil && len(s.CPUTimes) == 1 && s.MemoryBytes == 64<<20 && len(s.Disks) == 1 && s.Disks[0].Device == "vda" && len(s.Ports) == 1 &&
			s.Ports[0] == nodeapi.PortStats{
				PortID: portID, Device: "w000tap", RxBytes: 10, RxPackets: 1, RxErrors: 2, RxDropped: 3, TxBytes: 40, TxPackets: 4, TxErrors: 5, TxDropped: 6,
			}
	})
	w.machines.PowerOff(i.ID)
	for name, c := range map[string]struct {
		params any
		want   errs.Kind
	}{
		"a machine that is off": {nodeapi.StatsParams{InstanceID: i.ID}, errs.Conflict},
		"an unknown instance":   {nodeapi.StatsParams{InstanceID: uuid.NewString()}, errs.NotFound},
		"no parameters":         {"text", errs.Invalid},
	} {
		if err := w.server.Call(t.Context(), "h1", nodeapi.CallStats, c.params, nil); !errs.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	w, i := running(t)
	call := func(params any) error { return w.server.Call(t.Context(), "h1", nodeapi.CallInterrupt, params, nil) }
	if err := call(nodeapi.InterruptParams{InstanceID: i.ID}); err != nil {
		t.Fatal(err)
	}
	var log nodeapi.ConsoleLogResult
	if err := w.server.Call(t.Context(), "h1", nodeapi.CallConsoleLog, nodeapi.ConsoleLogParams{InstanceID: i.ID}, &log); err != nil || bytes.Count(log.Output, []byte("nmi")) != 1 {
		t.Errorf("the guest says %q, %v", log.Output, err)
	}
	w.machines.PowerOff(i.ID)
	for name, c := range map[string]struct {
		params any
		want   errs.Kind
	}{
		"a machine that is off": {nodeapi.InterruptParams{InstanceID: i.ID}, errs.Conflict},
		"an unknown instance":   {nodeapi.InterruptParams{InstanceID: uuid.NewString()}, errs.NotFound},
		"a path as an id":       {nodeapi.InterruptParams{InstanceID: "../../etc"}, errs.Invalid},
	} {
		if err := call(c.params); !errs.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// A viewer that does not read keeps the guest from nothing: the newest part
// waits, and what is missing is said.
func TestSlowViewerOfASerialConsole(t *testing.T) {
	t.Parallel()
	guest, port := net.Pipe()
	s := newSerialConsole()
	if !s.begin(port, []byte("before\n")) {
		t.Fatal("it was taken over")
	}
	text := strings.Repeat("0123456789abcde\n", serialBuffer/16)
	say(t, guest, text) // returns although nobody reads
	say(t, guest, text)
	say(t, guest, "the end\n")
	_ = guest.Close()
	heard, err := io.ReadAll(s)
	if err != nil || len(heard) > serialBuffer+100 || !bytes.HasSuffix(heard, []byte("the end\n")) || !bytes.Contains(heard, []byte("bytes were left out")) {
		t.Errorf("%d bytes, %v", len(heard), err)
	}
	if _, err := s.Write([]byte("x")); err == nil {
		t.Error("a closed console takes input")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Who is taken over before the port was opened never gets it.
func TestConsoleTakenOverWhileOpening(t *testing.T) {
	t.Parallel()
	s := newSerialConsole()
	s.end(nodeapi.ReasonTakenOver)
	guest, port := net.Pipe()
	if s.begin(port, nil) {
		t.Error("it began")
	}
	if _, err := guest.Read(make([]byte, 1)); err == nil {
		t.Error("the port stays open")
	}
}

func TestHistoryIsCutAtALine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, want string
		most       int
	}{
		"short":    {"a\nb\n", "a\nb\n", 10},
		"cut":      {"first\nsecond\nthird\n", "third\n", 8},
		"one line": {"abcdef", "def", 3},
	} {
		if got := string(lastBytes([]byte(c.text), c.most)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
