package tempest

import (
	"maps"
	"testing"
)

func TestParsePart(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Part{"": {1, 1}, "1/1": {1, 1}, "2/4": {2, 4}} {
		if got, err := ParsePart(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"2", "0/4", "5/4", "a/b", "1/", "-1/2"} {
		if got, err := ParsePart(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestParts wants each test in exactly one part, classes together where they
// fit, and parts that take about the same time.
func TestParts(t *testing.T) {
	t.Parallel()
	stages := []Stage{
		{Number: "09", Tests: []string{"m.A.a[x]", "m.A.b", "m.B.a", "m.B.b", "m.C.a", "m.D.a"}},
		{Number: "10", Tests: []string{"n.Long.a", "n.Long.b", "n.Long.c", "n.Long.d"}},
	}
	times := map[string]float64{"m.A.a": 10, "m.A.b": 10, "m.B.a": 10, "m.B.b": 10, "m.C.a": 20, "m.D.a": 20}
	for _, id := range stages[1].Tests {
		times[id] = 20
	}
	where, loads := map[string]int{}, map[int]float64{}
	for number := 1; number <= 4; number++ {
		for _, s := range Cut(stages, Part{number, 4}, times) {
			if len(s.Tests) == 0 {
				t.Errorf("part %d has stage %s without tests", number, s.Number)
			}
			for _, id := range s.Tests {
				if where[id] != 0 {
					t.Errorf("%s is in two parts", id)
				}
				where[id] = number
				loads[number] += times[plain(id)]
			}
		}
	}
	if len(where) != 10 || where["m.A.a[x]"] != where["m.A.b"] || where["m.B.a"] != where["m.B.b"] || where["n.Long.a"] == where["n.Long.b"] {
		t.Errorf("the parts are %v", where)
	}
	if want := map[int]float64{1: 40, 2: 40, 3: 40, 4: 40}; !maps.Equal(loads, want) {
		t.Errorf("the parts take %v", loads)
	}
	if whole := Cut(stages, Part{1, 1}, nil); len(whole) != 2 || len(whole[0].Tests) != 6 || len(whole[1].Tests) != 4 {
		t.Errorf("the whole is %v", whole)
	}
}
