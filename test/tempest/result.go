package tempest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Outcome is how a test ended.
type Outcome struct {
	Status string  // passed, failed, skipped, missing
	Why    string  // of what did not pass
	Took   float64 // seconds
}

const (
	passed  = "passed"
	failed  = "failed"
	skipped = "skipped"
	missing = "missing"
)

// results reads JUnit's XML, and says how each test of a stage ended. What
// befell a class while it was set up befell each of its tests.
func results(s Stage, from io.Reader) (map[string]Outcome, error) {
	var report struct {
		Cases []struct {
			Class   string  `xml:"classname,attr"`
			Name    string  `xml:"name,attr"`
			Time    float64 `xml:"time,attr"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
			Skipped *string `xml:"skipped"`
		} `xml:"testcase"`
	}
	if err := xml.NewDecoder(from).Decode(&report); err != nil {
		return nil, fmt.Errorf("reading the results: %w", err)
	}
	tests, classes := map[string]Outcome{}, map[string]Outcome{}
	for _, c := range report.Cases {
		o := Outcome{Status: passed, Took: c.Time}
		switch {
		case c.Failure != nil:
			o.Status, o.Why = failed, *c.Failure
		case c.Error != nil:
			o.Status, o.Why = failed, *c.Error
		case c.Skipped != nil:
			o.Status, o.Why = skipped, *c.Skipped
		}
		id := strings.TrimPrefix(c.Class+"."+c.Name, ".")
		if what, of, fixture := strings.Cut(id, " ("); fixture {
			name := strings.TrimSuffix(of, ")")
			if strings.HasSuffix(what, "setUpClass") && o.Status != passed || o.Status == failed {
				classes[name] = o
			}
			continue
		}
		tests[plain(id)] = o
	}
	out := map[string]Outcome{}
	for _, id := range s.Tests {
		o, ran := tests[plain(id)]
		of, befell := classes[class(id)]
		switch {
		case befell && (!ran || of.Status == failed && o.Status == passed):
			o = of
		case !ran:
			o = Outcome{Status: missing, Why: "the run does not tell of it"}
		}
		out[plain(id)] = o
	}
	return out, nil
}
