package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
)

// ConsoleLog implements hypervisor.Driver.
func (d *Driver) ConsoleLog(ctx context.Context, id string, tailLines int) ([]byte, error) {
	m, err := d.known(id)
	if err != nil {
		return nil, err
	}
	text, err := tailOf(m.consoleLog(), 2*d.config.ConsoleBytes)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(m.folder); err != nil {
			return nil, unknown(id)
		}
		return nil, nil // it never ran
	}
	if err != nil {
		return nil, fmt.Errorf("read the console log: %w", err)
	}
	return lastLines(text, tailLines), ctx.Err()
}

// known finds a machine for a call that makes none.
func (d *Driver) known(id string) (*machine, error) {
	m, err := d.machine(id, false)
	if err == nil && m == nil {
		err = unknown(id)
	}
	return m, err
}

func unknown(id string) error {
	return errs.New(errs.NotFound, "The machine %s is not on this host.", id)
}

// lastLines cuts all but the last n lines away; n ≤ 0 leaves all.
func lastLines(text []byte, n int) []byte {
	if n <= 0 {
		return text
	}
	at := len(bytes.TrimSuffix(text, []byte("\n")))
	for range n {
		if at = bytes.LastIndexByte(text[:at], '\n'); at < 0 {
			return text
		}
	}
	return text[at+1:]
}

// tailOf reads the last bytes of a log, at most most. A log that was cut has a
// hole in front, which reads as zeros: that part is left out.
func tailOf(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, stat.Size()-most)
	if at, err := f.Seek(from, unix.SEEK_DATA); err == nil {
		from = max(from, at)
	}
	text, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if from > 0 || len(text) > 0 && text[0] == 0 {
		text = bytes.TrimLeft(text, "\x00")
	}
	return text, err
}

// trimLog gives the disk space of a log's old part back: at least keep bytes
// at its end remain. QEMU goes on writing behind them meanwhile and nothing
// of that is lost, which renaming or copying could not promise.
func trimLog(path string, keep int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return err
	}
	const block = 512 // bytes; the unit of Blocks, whatever the file system's is
	if stat.Blocks*block < 2*keep {
		return nil
	}
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, stat.Size-keep)
	if errors.Is(err, unix.EOPNOTSUPP) {
		// No holes on this file system. QEMU appends, so it goes on at the new
		// end.
		return f.Truncate(0)
	}
	return err
}

// OpenConsole implements hypervisor.Driver.
func (d *Driver) OpenConsole(ctx context.Context, id string, kind hypervisor.ConsoleKind) (net.Conn, error) {
	var conn net.Conn
	err := d.running(ctx, id, func(ctx context.Context, m *machine) (err error) {
		switch kind {
		case hypervisor.ConsoleSerial:
			conn, err = m.connect(ctx, "serial.sock")
		case hypervisor.ConsoleVNC:
			if m.record.Spec.Features.VideoModel == "none" {
				return errs.New(errs.Conflict, "The machine has no display (hw_video_model is none).")
			}
			conn, err = m.openDisplay(ctx)
		default:
			return errs.New(errs.Invalid, "There is no console of the kind %q.", kind)
		}
		return err
	})
	return conn, err
}

// running does something with a machine that must run.
func (d *Driver) running(ctx context.Context, id string, do func(context.Context, *machine) error) error {
	m, err := d.known(id)
	if err != nil {
		return err
	}
	ctx, done, err := m.work(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := m.read(); err != nil {
		return err
	}
	if m.removed || m.record == nil {
		return unknown(id)
	}
	seen, err := m.observe(ctx)
	if err != nil {
		return err
	}
	if !seen.alive || m.record.Phase != phaseRunning {
		return errs.New(errs.Conflict, "The machine is not running.")
	}
	return do(ctx, m)
}

// openDisplay hands QEMU one end of a new connection for a VNC viewer.
func (m *machine) openDisplay(ctx context.Context) (net.Conn, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("connect to the display: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "viewer"), os.NewFile(uintptr(pair[1]), "display")
	defer ours.Close()
	defer theirs.Close()
	ctx, cancel := context.WithTimeout(ctx, m.driver.config.ReadyTimeout)
	defer cancel()
	name := fmt.Sprintf("viewer-%d", time.Now().UnixNano())
	if err := m.monitor.ExecuteFile(ctx, "getfd", object{"fdname": name}, nil, theirs); err != nil {
		return nil, fmt.Errorf("connect to the display: %w", err)
	}
	if err := m.monitor.Execute(ctx, "add_client", object{"protocol": "vnc", "fdname": name, "skipauth": true}, nil); err != nil {
		return nil, fmt.Errorf("connect to the display: %w", err)
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("connect to the display: %w", err)
	}
	return conn, nil
}
