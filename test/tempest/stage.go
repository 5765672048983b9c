package tempest

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed stages/*.txt
var lists embed.FS

//go:embed known.md
var knownTable string

//go:embed left-out.md
var leftOutTable string

// mostKnown is the part of a stage that may not pass, for reasons that are
// written down.
const mostKnown = 0.02

// Stage is a part of Tempest.
type Stage struct {
	Number string   // two digits
	Name   string   // what it is about
	Tests  []string // ids
}

// Stages are those of the numbers, separated by commas; all of them when
// numbers is empty.
func Stages(numbers string) ([]Stage, error) {
	names, err := fs.Glob(lists, "stages/*.txt")
	if err != nil {
		return nil, err
	}
	var out []Stage
	wanted := strings.FieldsFunc(numbers, func(r rune) bool { return r == ',' || r == ' ' })
	for i, n := range wanted {
		wanted[i] = fmt.Sprintf("%02s", n)
	}
	found := map[string]bool{}
	for _, file := range names {
		number, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(file, "stages/"), ".txt"), "-")
		if len(wanted) > 0 && !slices.Contains(wanted, number) {
			continue
		}
		text, err := lists.ReadFile(file)
		if err != nil {
			return nil, err
		}
		found[number] = true
		out = append(out, Stage{Number: number, Name: name, Tests: strings.Fields(string(text))})
	}
	for _, n := range wanted {
		if !found[n] {
			return nil, fmt.Errorf("there is no stage %s", n)
		}
	}
	return out, nil
}

// file is the name of the stage's files.
func (s Stage) file() string { return s.Number + "-" + s.Name + ".txt" }

// Guests tells whether the stage's tests log in to instances.
func (s Stage) Guests() bool { return s.Number == "09" || s.Number == "10" }

// Workers is how many of the stage's tests run side by side. Mostly they sleep:
// Tempest waits ten seconds before it deletes a subnet. With guests they do not:
// those are emulated, and a third one makes the others slow.
func (s Stage) Workers() int {
	if s.Guests() {
		return 2
	}
	return 10
}

// Limit is how long the stage's tests may take.
func (s Stage) Limit() time.Duration {
	if s.Guests() {
		return 90 * time.Minute
	}
	return 40 * time.Minute
}

// Only is the stage with those of its tests whose ids match.
func (s Stage) Only(ids *regexp.Regexp) Stage {
	s.Tests = slices.DeleteFunc(slices.Clone(s.Tests), func(id string) bool { return !ids.MatchString(id) })
	return s
}

// Passwords are the rules for passwords that the stage's tests look at. Other
// stages have none: a test that mistypes a password would lock its user out.
func (s Stage) Passwords() *PasswordRules {
	if s.Number != "02" {
		return nil
	}
	return &PasswordRules{Failures: 2, Seconds: 5, History: 2}
}

// BadMetadata tells whether the stage has tests of servers' bad metadata.
func (s Stage) BadMetadata() bool { return s.Number == "06" }

// Known are the tests that do not pass, by plain id, with the reason. They are
// the rows of known.md's table.
func Known() (map[string]string, error) { return reasons("known.md", knownTable) }

// LeftOut are tests that belong to what the stages are about, and are in none:
// the rows of left-out.md's table.
func LeftOut() (map[string]string, error) { return reasons("left-out.md", leftOutTable) }

// reasons reads a table of tests, by plain id, and reasons.
func reasons(file, table string) (map[string]string, error) {
	out := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		id, why := strings.Trim(cells[1], " `"), strings.TrimSpace(cells[2])
		if why == "" || out[id] != "" {
			return nil, fmt.Errorf("%s: %s is there twice, or has no reason", file, id)
		}
		out[id] = why
	}
	return out, nil
}

// plain is a test's id without its attributes.
func plain(id string) string {
	id, _, _ = strings.Cut(id, "[")
	return id
}

// class is the class that a test is of.
func class(id string) string {
	id = plain(id)
	return id[:max(0, strings.LastIndexByte(id, '.'))]
}
