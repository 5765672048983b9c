package dataplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHurry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHurry(dir)
	if h.file != expeditedFile {
		t.Errorf("the setting is at %s", h.file)
	}
	h.file = filepath.Join(dir, "setting")
	set := func(value string) {
		if err := os.WriteFile(h.file, []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	is := func(when, want string) {
		t.Helper()
		now, err := os.ReadFile(h.file)
		if err != nil || strings.TrimSpace(string(now)) != want {
			t.Errorf("%s: %q, %v", when, now, err)
		}
		if _, err := os.Stat(h.note); (err == nil) != (want == "1") {
			t.Errorf("%s: the note of it: %v", when, err)
		}
	}
	h.begin()() // there is no such setting
	set("0")
	end := h.begin()
	is("meanwhile", "1")
	end()
	is("afterwards", "0")

	// Somebody died meanwhile.
	h.begin()
	h.recover()
	is("after a crash", "0")
	h.recover()
	is("and once more", "0")

	// It is as it was wanted by somebody else.
	set("1")
	h.begin()()
	if now, err := os.ReadFile(h.file); err != nil || strings.TrimSpace(string(now)) != "1" {
		t.Errorf("another's setting is %q, %v", now, err)
	}

	// What can't be noted is not done.
	set("0")
	h.note = filepath.Join(dir, "missing", "note")
	h.begin()()
	is("without a note", "0")
}
