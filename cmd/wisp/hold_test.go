package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

const holdVariable = "WISP_TEST_HOLD"

// TestMain makes the test program a cloud's process for tests that need one of
// another process: it takes the lock of a state directory until its input ends.
func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		s := &settings{StateDir: dir}
		lock, taken, err := s.lock()
		if err != nil || !taken {
			os.Exit(1)
		}
		_, _ = fmt.Fprintln(os.Stdout, "held")
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = lock.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func holdElsewhere(t *testing.T, s *settings) (free func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), holdVariable+"="+s.StateDir)
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return func() {
		_ = in.Close()
		if err := child.Wait(); err != nil {
			t.Error(err)
		}
	}
}
