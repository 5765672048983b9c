package tempest

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Record is how the tests of a stage ended, by cloud: one file of results/ for
// each stage, so that what passes elsewhere and not here is seen.
//
// A line has the clouds' outcomes in the order of the first line's names, and
// the test's plain id.
type Record map[string]map[string]string // id, cloud, status

// The clouds of a record. Zed is the OpenStack of Debian 12 with Nova's fake
// driver and no network agents.
const (
	wispCloud = "wisp"
	zedCloud  = "zed"
)

// absent stands for a cloud that a test did not run against.
const absent = "-"

// readRecord reads a record. One that is not there is empty.
func readRecord(path string) (Record, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return Record{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return parseRecord(f)
}

func parseRecord(from io.Reader) (Record, error) {
	out := Record{}
	var clouds []string
	scan := bufio.NewScanner(from)
	for n := 1; scan.Scan(); n++ {
		fields := strings.Fields(scan.Text())
		switch {
		case len(fields) == 0:
		case clouds == nil:
			clouds = fields[:len(fields)-1]
		case len(fields) != len(clouds)+1:
			return nil, fmt.Errorf("line %d has %d columns instead of %d", n, len(fields), len(clouds)+1)
		default:
			id := fields[len(clouds)]
			if out[id] != nil {
				return nil, fmt.Errorf("line %d: %s is there twice", n, id)
			}
			out[id] = map[string]string{}
			for i, cloud := range clouds {
				if !slices.Contains([]string{passed, failed, skipped, missing, absent}, fields[i]) {
					return nil, fmt.Errorf("line %d: a test does not end as %q", n, fields[i])
				}
				if fields[i] != absent {
					out[id][cloud] = fields[i]
				}
			}
		}
	}
	return out, scan.Err()
}

// set puts a run's outcomes in a cloud's column.
func (r Record) set(cloud string, got map[string]Outcome) {
	for id, o := range got {
		if r[id] == nil {
			r[id] = map[string]string{}
		}
		r[id][cloud] = o.Status
	}
}

// write writes the record, one line for each of the stage's tests, sorted.
func (r Record) write(s Stage, dir string) error {
	clouds := []string{zedCloud, wispCloud}
	var text strings.Builder
	line := func(outcomes []string, id string) {
		for _, o := range outcomes {
			fmt.Fprintf(&text, "%-8s", o)
		}
		text.WriteString(id + "\n")
	}
	line(clouds, "test")
	ids := map[string]bool{}
	for _, id := range s.Tests {
		ids[plain(id)] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		outcomes := make([]string, len(clouds))
		for i, cloud := range clouds {
			if outcomes[i] = r[id][cloud]; outcomes[i] == "" {
				outcomes[i] = absent
			}
		}
		line(outcomes, id)
	}
	return os.WriteFile(filepath.Join(dir, s.file()), []byte(text.String()), 0o644)
}

// counts says how many tests ended in which way at a cloud.
func (r Record) counts(cloud string) string {
	n := map[string]int{}
	for _, of := range r {
		n[of[cloud]]++
	}
	return fmt.Sprintf("%d passed, %d failed, %d skipped", n[passed], n[failed]+n[missing], n[skipped])
}
