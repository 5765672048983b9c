package fake

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// A viewer as noVNC is one: it chooses its own order of colours, and waits for
// changes.
func TestDisplay(t *testing.T) {
	t.Parallel()
	viewer, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		serveDisplay(nil, server)
		_ = server.Close() // as OpenConsole does
	}()
	if err := viewer.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	hear := func(n int) []byte {
		t.Helper()
		b := make([]byte, n)
		if _, err := io.ReadFull(viewer, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	say := func(b ...byte) {
		t.Helper()
		if _, err := viewer.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	screen := func() uint32 {
		t.Helper()
		head := hear(16)
		if head[0] != 0 || head[3] != 1 || binary.BigEndian.Uint16(head[8:]) != displayWidth || binary.BigEndian.Uint16(head[10:]) != displayHeight {
			t.Fatalf("the update is % x", head)
		}
		return binary.LittleEndian.Uint32(hear(4 * displayWidth * displayHeight))
	}
	if got := string(hear(12)); got != "RFB 003.008\n" {
		t.Fatalf("version %q", got)
	}
	say([]byte("RFB 003.008\n")...)
	if got := hear(2); got[0] != 1 || got[1] != 1 {
		t.Fatalf("security % x", got)
	}
	say(1)
	if got := binary.BigEndian.Uint32(hear(4)); got != 0 {
		t.Fatalf("result %d", got)
	}
	say(1)
	if start := hear(24 + 4); string(start[24:]) != "fake" {
		t.Fatalf("the beginning is % x", start)
	}
	say(0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0)
	say(2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1)
	say(6, 0, 0, 0, 0, 0, 0, 3, 'a', 'b', 'c')
	say(5, 0, 0, 1, 0, 1)
	say(3, 0, 0, 0, 0, 0, 1, 64, 0, 200)
	if got := screen(); got != 0x806020 {
		t.Errorf("the colour is %#x", got)
	}
	say(3, 1, 0, 0, 0, 0, 1, 64, 0, 200)
	say(4, 1, 0, 0, 0, 0, 0, 'a')
	if got := screen(); got != 0x906020 {
		t.Errorf("after a key the colour is %#x", got)
	}
	say(255) // unknown
	if _, err := viewer.Read(make([]byte, 1)); err == nil {
		t.Error("it goes on after an unknown message")
	}
	<-done
}
