package probe_test

import (
	"os"
	"strings"
	"testing"

	"wisp/internal/dataplane/probe"
)

func TestRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("trying kernel features needs root")
	}
	for _, feature := range probe.Run() {
		if feature.Required && feature.Err != nil {
			t.Errorf("%s: %v", feature.Name, feature.Err)
		}
		if feature.Breaks == "" {
			t.Errorf("%s does not say what breaks without it", feature.Name)
		}
	}
	names, err := os.ReadDir("/run/netns")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name.Name(), "wispprobe") {
			t.Errorf("%s was left behind", name.Name())
		}
	}
}
