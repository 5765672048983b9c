package tempest

import (
	"strings"
	"testing"
)

func TestResults(t *testing.T) {
	t.Parallel()
	s := Stage{Tests: []string{"a.T.one[id-1,smoke]", "a.T.two[id-2]", "a.T.three[id-3]", "a.U.four[id-4]", "a.U.five[id-5]", "a.V.six", "a.W.seven"}}
	got, err := results(s, strings.NewReader(`<testsuite>
		<testcase classname="a.T" name="one[id-1,smoke]" time="2.5"/>
		<testcase classname="a.T" name="two[id-2]"><failure type="x">boom</failure></testcase>
		<testcase classname="a.T" name="three[id-3]"><skipped>not here</skipped></testcase>
		<testcase classname="" name="setUpClass (a.U)"><skipped>no volumes</skipped></testcase>
		<testcase classname="a.V" name="six"/>
		<testcase classname="" name="tearDownClass (a.V)"><error type="x">left over</error></testcase>
	</testsuite>`))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]Outcome{
		"a.T.one": {Status: passed, Took: 2.5}, "a.T.two": {Status: failed, Why: "boom"}, "a.T.three": {Status: skipped, Why: "not here"}, "a.U.four": {Status: skipped, Why: "no volumes"},
		"a.U.five": {Status: skipped, Why: "no volumes"}, "a.V.six": {Status: failed, Why: "left over"}, "a.W.seven": {Status: missing, Why: "the run does not tell of it"},
	} {
		if got[id] != want {
			t.Errorf("%s: %+v, want %+v", id, got[id], want)
		}
	}
	if _, err := results(s, strings.NewReader("traceback")); err == nil {
		t.Error("no results, and no error")
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	all, err := Stages("")
	if err != nil || len(all) < 6 {
		t.Fatalf("%d stages, %v", len(all), err)
	}
	if some, err := Stages("2, 03"); err != nil || len(some) != 2 || some[0].Name != "identity" || len(some[1].Tests) == 0 {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := Stages("99"); err == nil {
		t.Error("a stage that is not there")
	}
	known, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, s := range all {
		count := 0
		for _, id := range s.Tests {
			tests[plain(id)] = true
			if known[plain(id)] != "" {
				count++
			}
		}
		if float64(count) > mostKnown*float64(len(s.Tests)) {
			t.Errorf("stage %s has %d known failures in %d tests", s.Number, count, len(s.Tests))
		}
	}
	for id := range known {
		if !tests[id] {
			t.Errorf("known.md has %s, which is in no stage", id)
		}
	}
	out, err := LeftOut()
	if err != nil || len(out) == 0 {
		t.Fatalf("%d tests are left out, %v", len(out), err)
	}
	for id := range out {
		if tests[id] {
			t.Errorf("left-out.md has %s, which is in a stage", id)
		}
	}
	times, err := Times()
	if err != nil {
		t.Fatal(err)
	}
	for id := range times {
		if !tests[id] {
			t.Errorf("times.txt has %s, which is in no stage", id)
		}
	}
}

func TestReasonsAreGiven(t *testing.T) {
	t.Parallel()
	for name, table := range map[string]string{"twice": "| `a.b` | no |\n| `a.b` | no |\n", "no reason": "| `a.b` | |\n"} {
		if got, err := reasons("x.md", table); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}
