package tempest

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed times.txt
var timesTable string

// typical is what a test counts that was not measured: the mean of the others,
// in seconds.
func typical(times map[string]float64) float64 {
	if len(times) == 0 {
		return 60
	}
	var sum float64
	for _, seconds := range times {
		sum += seconds
	}
	return sum / float64(len(times))
}

// Part is one of several parts of the same tests, counted from 1.
type Part struct{ Number, Of int }

// ParsePart reads "2/4"; "" is the whole.
func ParsePart(text string) (Part, error) {
	if text == "" {
		return Part{1, 1}, nil
	}
	first, second, ok := strings.Cut(text, "/")
	number, err := strconv.Atoi(first)
	of, problem := strconv.Atoi(second)
	if !ok || err != nil || problem != nil || number < 1 || number > of {
		return Part{}, fmt.Errorf("%q is no part: the second of four is 2/4", text)
	}
	return Part{number, of}, nil
}

// Times are how long tests took, in seconds, by plain id. They are the lines of
// times.txt.
func Times() (map[string]float64, error) {
	out := map[string]float64{}
	for line := range strings.Lines(timesTable) {
		words := strings.Fields(line)
		if len(words) != 2 {
			return nil, fmt.Errorf("times.txt: %q is not seconds and a test's id", strings.TrimSpace(line))
		}
		seconds, err := strconv.ParseFloat(words[0], 64)
		if err != nil || seconds <= 0 || out[words[1]] != 0 {
			return nil, fmt.Errorf("times.txt: %q is there twice, or has no time", strings.TrimSpace(line))
		}
		out[words[1]] = seconds
	}
	return out, nil
}

// Cut leaves of each stage what is in the part. The parts take about the same
// time, and each test is in one of them. A class, which one worker runs from its
// first test to its last, is in one part too, unless it takes longer than such a
// worker has: then its tests are dealt out one by one.
func Cut(all []Stage, p Part, times map[string]float64) []Stage {
	otherwise := typical(times)
	type unit struct {
		name    string
		tests   []string
		seconds float64
	}
	took := func(id string) float64 {
		if seconds := times[plain(id)]; seconds != 0 {
			return seconds
		}
		return otherwise
	}
	var total float64
	classes := map[string]*unit{}
	workers := 1
	for _, s := range all {
		workers = max(workers, s.Workers())
		for _, id := range s.Tests {
			u := classes[class(id)]
			if u == nil {
				u = &unit{name: class(id)}
				classes[u.name] = u
			}
			u.tests = append(u.tests, id)
			u.seconds += took(id)
			total += took(id)
		}
	}
	most := total / float64(p.Of*workers)
	var units []unit
	for _, u := range classes {
		if u.seconds <= most || p.Of == 1 {
			units = append(units, *u)
			continue
		}
		for _, id := range u.tests {
			units = append(units, unit{name: id, tests: []string{id}, seconds: took(id)})
		}
	}
	// The longest first, each to the part that has least.
	slices.SortFunc(units, func(a, b unit) int {
		switch {
		case a.seconds > b.seconds:
			return -1
		case a.seconds < b.seconds:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	load, mine := make([]float64, p.Of), map[string]bool{}
	for _, u := range units {
		least := 0
		for i := range load {
			if load[i] < load[least] {
				least = i
			}
		}
		load[least] += u.seconds
		if least == p.Number-1 {
			for _, id := range u.tests {
				mine[id] = true
			}
		}
	}
	var out []Stage
	for _, s := range all {
		s.Tests = slices.DeleteFunc(slices.Clone(s.Tests), func(id string) bool { return !mine[id] })
		if len(s.Tests) > 0 {
			out = append(out, s)
		}
	}
	return out
}
