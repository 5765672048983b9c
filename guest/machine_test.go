package guest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// console is what a machine wrote to its serial port so far.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// machine is a running QEMU with the guest in it.
type machine struct {
	console *console
	sshAddr string
	monitor string // path of the QMP socket
	exited  chan struct{}
	started time.Time
}

// options say how a machine differs from the smallest one.
type options struct {
	memory int // MiB
	disk   string
	extra  []string // more arguments for QEMU
	net    string   // more options of the user network
}

// eventually polls until ok says true, and fails the test after the deadline.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// overlay makes a disk of the given size whose lower half is an image.
func overlay(t *testing.T, image, size string) string {
	t.Helper()
	disk := filepath.Join(t.TempDir(), "disk.qcow2")
	out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, disk, size).CombinedOutput()
	if err != nil {
		t.Fatalf("creating %s: %v: %s", disk, err, out)
	}
	return disk
}

// freePort gives a TCP port of the loopback which nobody listened on just now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// boot starts a machine, and ends it with the test.
func boot(t *testing.T, o options) *machine {
	t.Helper()
	port := freePort(t)
	m := &machine{
		console: &console{},
		sshAddr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		monitor: filepath.Join(t.TempDir(), "qmp"),
		exited:  make(chan struct{}),
		started: time.Now(),
	}
	args := []string{
		"-accel", "tcg", "-m", strconv.Itoa(o.memory), "-display", "none", "-nodefaults", "-vga", "std",
		"-serial", "stdio", "-qmp", "unix:" + m.monitor + ",server=on,wait=off",
		"-drive", "file=" + o.disk + ",if=virtio,format=qcow2",
		"-netdev", fmt.Sprintf("user,id=net0,hostfwd=tcp:127.0.0.1:%d-:22%s", port, o.net),
		"-device", "virtio-net-pci,netdev=net0", "-device", "virtio-rng-pci",
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", append(args, o.extra...)...)
	cmd.Stdout, cmd.Stderr = m.console, m.console
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatalf("starting QEMU: %v", err)
	}
	go func() {
		_ = cmd.Wait() // how it ended shows in the console
		close(m.exited)
	}()
	t.Cleanup(func() {
		stop()
		<-m.exited
		if t.Failed() {
			t.Logf("console:\n%s", m.console)
		}
	})
	return m
}

// waitFor waits until the console has the text.
func (m *machine) waitFor(t *testing.T, limit time.Duration, text string) {
	t.Helper()
	eventually(t, limit, "console shows "+strconv.Quote(text), func() bool {
		return strings.Contains(m.console.String(), text)
	})
}

// dial logs in as cirros; it tries until the deadline, for a machine that boots.
func (m *machine) dial(t *testing.T, limit time.Duration, auth ssh.AuthMethod) *ssh.Client {
	t.Helper()
	config := &ssh.ClientConfig{
		User:            "cirros",
		Auth:            []ssh.AuthMethod{auth},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // the key is made by the boot under test
		Timeout:         10 * time.Second,
	}
	var client *ssh.Client
	eventually(t, limit, "SSH login", func() bool {
		conn, err := net.DialTimeout("tcp", m.sshAddr, time.Second)
		if err != nil {
			return false
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return false
		}
		c, channels, requests, err := ssh.NewClientConn(conn, m.sshAddr, config)
		if err != nil {
			_ = conn.Close()
			return false
		}
		if err := conn.SetDeadline(time.Time{}); err != nil {
			return false
		}
		client = ssh.NewClient(c, channels, requests)
		return true
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// run runs a command in the guest and gives its output, trimmed.
func run(t *testing.T, client *ssh.Client, command string) string {
	t.Helper()
	out, err := tryRun(client, command)
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return out
}

func tryRun(client *ssh.Client, command string) (string, error) {
	session, err := client.NewSession()
	if err != nil {
		return "", fmt.Errorf("opening a session: %w", err)
	}
	defer session.Close()
	out, err := session.CombinedOutput(command)
	return strings.TrimSpace(string(out)), err
}

// command sends commands to QEMU's monitor, each a name and its arguments.
func (m *machine) command(t *testing.T, name string, arguments map[string]any) {
	t.Helper()
	conn, err := net.Dial("unix", m.monitor)
	if err != nil {
		t.Fatalf("connecting to the monitor: %v", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	replies := bufio.NewScanner(conn)
	for _, request := range []map[string]any{{"execute": "qmp_capabilities"}, {"execute": name, "arguments": arguments}} {
		if len(arguments) == 0 || request["execute"] == "qmp_capabilities" {
			delete(request, "arguments")
		}
		if err := json.NewEncoder(conn).Encode(request); err != nil {
			t.Fatalf("sending %s: %v", name, err)
		}
		for {
			if !replies.Scan() {
				t.Fatalf("%s: the monitor hung up: %v", name, replies.Err())
			}
			var reply struct {
				Return json.RawMessage
				Error  *struct{ Desc string }
			}
			if err := json.Unmarshal(replies.Bytes(), &reply); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if reply.Error != nil {
				t.Fatalf("%s: %s", name, reply.Error.Desc)
			}
			if reply.Return != nil {
				break
			}
		}
	}
}

// powerOff presses the power button and waits for the machine to be off.
func (m *machine) powerOff(t *testing.T, limit time.Duration) time.Duration {
	t.Helper()
	pressed := time.Now()
	m.command(t, "system_powerdown", nil)
	select {
	case <-m.exited:
	case <-time.After(limit):
		t.Fatalf("still on %v after the power button", limit)
	}
	return time.Since(pressed)
}

// images gives the folder with the built images; they are built when needed.
var images = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs(filepath.Join("..", "build"))
	if err != nil {
		return "", err
	}
	out, err := exec.Command("./build", dir).CombinedOutput()
	if err != nil {
		return "", errors.Join(fmt.Errorf("building the image: %w", err), errors.New(string(out)))
	}
	return dir, nil
})

// image gives the path of a built file.
func image(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("boots emulated machines")
	}
	dir, err := images()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}
