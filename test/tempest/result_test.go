package tempest

import (
	"strings"
	"testing"
)

func TestResults(t *testing.T) {
	t.Parallel()
	s := Stage{Tests: []string{"a.T.one[id-1,smoke]", "a.T.two[id-2]", "a.T.three[id-3]", "a.U.four[id-4]", "a.U.five[id-5]", "a.V.six", "a.W.seven"}}
	got, err := results(s, strings.NewReader(`<testsuite>
		<testcase classname="a.T" name="one[id-1,smoke]"/>
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
		"a.T.one": {Status: passed}, "a.T.two": {failed, "boom"}, "a.T.three": {skipped, "not here"}, "a.U.four": {skipped, "no volumes"},
		"a.U.five": {skipped, "no volumes"}, "a.V.six": {failed, "left over"}, "a.W.seven": {missing, "the run does not tell of it"},
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
}
