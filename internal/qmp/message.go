package qmp

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is something that QEMU tells without having been asked.
type Event struct {
	Name string // "SHUTDOWN"
	Data json.RawMessage
	At   time.Time // of the host's clock, as QEMU saw it; zero if it had none
}

// Error is QEMU's refusal of a command.
type Error struct {
	Command string
	Class   string // "GenericError", "CommandNotFound", "DeviceNotFound", …
	Desc    string // for a person
}

func (e *Error) Error() string {
	return fmt.Sprintf("QEMU refuses %s: %s (%s)", e.Command, e.Desc, e.Class)
}

// Version is that of the QEMU at the other end.
type Version struct {
	Major, Minor, Micro int
	Package             string // of the distribution
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Micro) }

// message is any line that QEMU can send: exactly one of its parts is there.
type message struct {
	greeting *greeting
	event    *Event
	reply    *reply
}

type greeting struct {
	version Version
}

type reply struct {
	id     string // empty: QEMU did not understand the line well enough to have one
	result json.RawMessage
	err    *Error
}

// errShape says that a line is JSON, but no message.
var errShape = errors.New("neither a greeting, an event nor a reply")

// parse reads one line.
func parse(line []byte) (message, error) {
	var wire struct {
		QMP *struct {
			Version struct {
				QEMU struct {
					Major, Minor, Micro int
				} `json:"qemu"`
				Package string `json:"package"`
			} `json:"version"`
		} `json:"QMP"`
		Event     *string         `json:"event"`
		Data      json.RawMessage `json:"data"`
		Timestamp struct {
			Seconds      int64 `json:"seconds"`
			Microseconds int64 `json:"microseconds"`
		} `json:"timestamp"`
		Return json.RawMessage `json:"return"`
		Error  *struct {
			Class string `json:"class"`
			Desc  string `json:"desc"`
		} `json:"error"`
		ID any `json:"id"`
	}
	if err := json.Unmarshal(line, &wire); err != nil {
		return message{}, err
	}
	id, _ := wire.ID.(string)
	switch {
	case wire.QMP != nil:
		v := wire.QMP.Version
		return message{greeting: &greeting{Version{v.QEMU.Major, v.QEMU.Minor, v.QEMU.Micro, v.Package}}}, nil
	case wire.Event != nil:
		e := &Event{Name: *wire.Event, Data: wire.Data}
		// Both are -1 when the clock failed.
		if t := wire.Timestamp; t.Seconds > 0 && t.Microseconds >= 0 {
			e.At = time.Unix(t.Seconds, t.Microseconds*1000)
		}
		return message{event: e}, nil
	case wire.Error != nil:
		return message{reply: &reply{id: id, err: &Error{Class: wire.Error.Class, Desc: wire.Error.Desc}}}, nil
	case wire.Return != nil:
		return message{reply: &reply{id: id, result: wire.Return}}, nil
	}
	return message{}, errShape
}
