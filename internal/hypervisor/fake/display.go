package fake

import (
	"encoding/binary"
	"io"
	"net"
)

// The fake display's size.
const (
	displayWidth  = 320
	displayHeight = 200
)

// pixelFormat is how a viewer wants pixels (RFC 6143, section 7.4): of 32 bits
// in little-endian order, which is all that this display knows.
type pixelFormat struct{ red, green, blue uint8 }

// display is an RFB server (RFC 6143) without authentication, for one viewer:
// a screen of one colour, which changes with every key that is pressed.
type display struct {
	conn    net.Conn
	format  pixelFormat
	pressed uint8
	waiting bool // the viewer waits for a change
}

// serveDisplay ends when the connection does, or says something unknown.
func serveDisplay(_ *machine, conn net.Conn) {
	d := &display{conn: conn, format: pixelFormat{16, 8, 0}}
	if d.handshake() != nil {
		return
	}
	for d.message() == nil { //nolint:revive // until the viewer leaves
	}
}

// write sends one message at once, as viewers that read by frames expect.
func (d *display) write(values ...any) error {
	var message []byte
	for _, v := range values {
		var err error
		if message, err = binary.Append(message, binary.BigEndian, v); err != nil {
			return err
		}
	}
	_, err := d.conn.Write(message)
	return err
}

// handshake agrees on version 3.8 and no authentication (sections 7.1 to 7.3).
func (d *display) handshake() error {
	version, one := make([]byte, 12), make([]byte, 1)
	if err := d.write([]byte("RFB 003.008\n")); err != nil {
		return err
	}
	if _, err := io.ReadFull(d.conn, version); err != nil {
		return err
	}
	const none = 1
	if err := d.write([]byte{1, none}); err != nil {
		return err
	}
	if _, err := io.ReadFull(d.conn, one); err != nil {
		return err
	}
	if err := d.write(uint32(0)); err != nil {
		return err
	}
	if _, err := io.ReadFull(d.conn, one); err != nil {
		return err
	}
	const name = "fake"
	format := []byte{32, 24, 0, 1, 0, 255, 0, 255, 0, 255, d.format.red, d.format.green, d.format.blue, 0, 0, 0}
	return d.write(uint16(displayWidth), uint16(displayHeight), format, uint32(len(name)), []byte(name))
}

// The viewer's messages (section 7.5), and how long their fixed parts are.
const (
	setPixelFormat = 0
	setEncodings   = 2
	updateRequest  = 3
	keyEvent       = 4
	pointerEvent   = 5
	cutText        = 6
)

var messageLength = map[uint8]int{setPixelFormat: 19, setEncodings: 3, updateRequest: 9, keyEvent: 7, pointerEvent: 5, cutText: 7}

// message obeys one message of the viewer.
func (d *display) message() error {
	kind := make([]byte, 1)
	if _, err := io.ReadFull(d.conn, kind); err != nil {
		return err
	}
	length, known := messageLength[kind[0]]
	if !known {
		return io.ErrUnexpectedEOF
	}
	m := make([]byte, length)
	if _, err := io.ReadFull(d.conn, m); err != nil {
		return err
	}
	rest := int64(0)
	switch kind[0] {
	case setPixelFormat:
		if m[3] != 32 || m[5] != 0 {
			return io.ErrUnexpectedEOF
		}
		d.format = pixelFormat{m[13], m[14], m[15]}
	case setEncodings:
		rest = 4 * int64(binary.BigEndian.Uint16(m[1:]))
	case updateRequest:
		if incremental := m[0] != 0; incremental {
			d.waiting = true
			return nil
		}
		return d.update()
	case keyEvent:
		if down := m[0] != 0; down {
			d.pressed++
			if d.waiting {
				return d.update()
			}
		}
	case cutText:
		rest = int64(binary.BigEndian.Uint32(m[3:]))
	}
	_, err := io.CopyN(io.Discard, d.conn, rest)
	return err
}

// update sends the whole screen in the raw encoding (section 7.7.1).
func (d *display) update() error {
	d.waiting = false
	colour := uint32(0x20)<<d.format.red | uint32(0x60)<<d.format.green | uint32(0x80+16*d.pressed)<<d.format.blue
	pixels := make([]byte, 0, 4*displayWidth*displayHeight)
	for range displayWidth * displayHeight {
		pixels = binary.LittleEndian.AppendUint32(pixels, colour)
	}
	const raw = 0
	head := []uint16{0, 1, 0, 0, displayWidth, displayHeight} // the message and its one rectangle
	return d.write(head, uint32(raw), pixels)
}
