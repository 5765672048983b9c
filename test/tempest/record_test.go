package tempest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	record  = flag.Bool("record", false, "write how the stages' tests ended into results/")
	foreign = flag.String("zed-results", "", "folder with a run.xml in a folder for each stage: results of OpenStack Zed, to be written into results/")
)

// results of each stage, by file.
const recordFolder = "results"

// TestRecordZed writes the results of another run, in JUnit's form, beside
// those of wisp.
func TestRecordZed(t *testing.T) {
	if *foreign == "" {
		t.Skip("no results are given")
	}
	all, err := Stages("")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		f, err := os.Open(filepath.Join(*foreign, s.Number+"-"+s.Name, "run.xml"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := results(s, f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := keepRecord(s, zedCloud, got); err != nil {
			t.Fatal(err)
		}
	}
}

func keepRecord(s Stage, cloud string, got map[string]Outcome) error {
	whole, err := Stages(s.Number) // s may be a part
	if err != nil {
		return err
	}
	r, err := readRecord(filepath.Join(recordFolder, s.file()))
	if err != nil {
		return err
	}
	r.set(cloud, got)
	return r.write(whole[0], recordFolder)
}

// What passes on Zed passes here, or known.md says why not; and what is
// recorded as not passing is what known.md says.
func TestRecords(t *testing.T) {
	t.Parallel()
	all, err := Stages("")
	if err != nil {
		t.Fatal(err)
	}
	known, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		r, err := readRecord(filepath.Join(recordFolder, s.file()))
		if err != nil {
			t.Errorf("%s: %v", s.file(), err)
			continue
		}
		t.Logf("stage %s %s: %d tests; zed: %s; wisp: %s", s.Number, s.Name, len(s.Tests), r.counts(zedCloud), r.counts(wispCloud))
		for id, of := range r {
			switch here := of[wispCloud]; {
			case here == "":
				t.Errorf("%s: there is no result of %s here", s.file(), id)
			case (here == passed) == (known[id] != ""):
				t.Errorf("%s %s here, and %s elsewhere; known.md says %q", id, here, of[zedCloud], known[id])
			}
		}
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := Stage{Number: "99", Name: "some", Tests: []string{"a.T.two[id-2]", "a.T.one[id-1,smoke]"}}
	r, err := readRecord(filepath.Join(dir, s.file()))
	if err != nil || len(r) != 0 {
		t.Fatalf("nothing is recorded: %v, %v", r, err)
	}
	r.set(wispCloud, map[string]Outcome{"a.T.one": {Status: passed}, "a.T.two": {Status: skipped, Why: "no"}})
	if err := r.write(s, dir); err != nil {
		t.Fatal(err)
	}
	want := "zed     wisp    test\n-       passed  a.T.one\n-       skipped a.T.two\n"
	if text, err := os.ReadFile(filepath.Join(dir, s.file())); err != nil || string(text) != want {
		t.Fatalf("%q, %v", text, err)
	}
	if r, err = readRecord(filepath.Join(dir, s.file())); err != nil || r["a.T.two"][wispCloud] != skipped || r["a.T.two"][zedCloud] != "" {
		t.Errorf("read back: %v, %v", r, err)
	}
	if got := r.counts(wispCloud); got != "1 passed, 0 failed, 1 skipped" {
		t.Error(got)
	}
	for _, bad := range []string{"zed test\npassed failed a.T.one", "zed test\nwell a.T.one", "zed test\npassed a\nfailed a"} {
		if _, err := parseRecord(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is no record, and no error", bad)
		}
	}
}
