package fleet

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"wisp/internal/netlinkx"
)

// Capture reads the frames that pass one device.
type Capture struct {
	handle *pcapgo.EthernetHandle

	mu     sync.Mutex
	frames []gopacket.Packet
	done   chan struct{}
	once   sync.Once
}

// Capture begins to read what passes a port of the bridges, from there on
// until the test ends.
func (f *Fleet) Capture(t testing.TB, port string) *Capture {
	t.Helper()
	c := &Capture{done: make(chan struct{})}
	err := netlinkx.In(netlinkx.NetnsPath(f.fabric), func() (err error) {
		c.handle, err = pcapgo.NewEthernetHandle(port)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	go c.read()
	t.Cleanup(c.Stop)
	return c
}

func (c *Capture) read() {
	defer close(c.done)
	for {
		data, info, err := c.handle.ReadPacketData()
		if err != nil {
			return // closed
		}
		frame := gopacket.NewPacket(data, layers.LinkTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
		frame.Metadata().CaptureInfo = info
		c.mu.Lock()
		c.frames = append(c.frames, frame)
		c.mu.Unlock()
	}
}

// Stop ends the capture; what was seen stays.
func (c *Capture) Stop() {
	c.once.Do(func() { _ = c.handle.Close() })
	<-c.done
}

// Tag is the 802.1Q tag that a frame was captured with; 0 is none.
func Tag(frame gopacket.Packet) int {
	for _, data := range frame.Metadata().AncillaryData {
		if tag, ok := data.(int); ok {
			return tag
		}
	}
	if tag, ok := frame.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q); ok {
		return int(tag.VLANIdentifier)
	}
	return 0
}

// Frames are those that have passed so far.
func (c *Capture) Frames() []gopacket.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]gopacket.Packet{}, c.frames...)
}

// Await waits for a frame of which match is true.
func (c *Capture) Await(t testing.TB, what string, match func(gopacket.Packet) bool) gopacket.Packet {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(short)
	for {
		for _, frame := range c.Frames() {
			if match(frame) {
				return frame
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(errors.New("no such frame was seen: " + what))
		}
	}
}
