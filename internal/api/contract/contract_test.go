package contract

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample(t *testing.T) *Description {
	t.Helper()
	d, err := parse("testdata", "sample")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOperations(t *testing.T) {
	t.Parallel()
	all, err := sample(t).Operations()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range all {
		if !slices.Contains([]string{"3", "4", "5", "6", "7", "8", "9"}, strings.TrimPrefix(o.Path, "/v2/")) {
			got = append(got, o.String())
		}
	}
	want := []string{"GET /v2/things/", "DELETE /v2/things/{id}", "POST /v2/things/{thing_id}/action paint", "POST /v2/things/{thing_id}/action sell"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	d := sample(t)
	for path, want := range map[string][]int{"GET /v2/things": {0, 1, 5, 7}, "POST /v2/things/{x}/action": {1, 3}, "DELETE /v2/things/{x}": nil, "GET /none": nil} {
		method, path, _ := strings.Cut(path, " ")
		got, err := d.Versions(method, path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s: %s", method, path, diff)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	d := sample(t)
	const list, act, json = "GET /v2/things", "POST /v2/things/{}/action", "application/json; charset=utf-8"
	for name, c := range map[string]struct {
		operation         string
		version           int
		request, response string
		want              []string
	}{
		"good":                   {list, 1, "", `{"things": [{"name": "a", "made": "2026-01-01T00:00:00.5"}]}`, nil},
		"of the older API":       {list, 0, "", `{"things": [{"name": "a"}]}`, nil},
		"missing":                {list, 1, "", `{"things": [{}]}`, []string{"response /things/*/name: is missing"}},
		"too much":               {list, 1, "", `{"things": [], "x": 1}`, []string{"response /x: is not described"}},
		"too much inside":        {list, 1, "", `{"things": [{"name": "a", "color": "red"}]}`, []string{"response /things/*/color: is not described"}},
		"pattern":                {list, 1, "", `{"things": [{"name": "a\n"}]}`, []string{`response /things/*/name: is "a\n" and should match ^[a-z]+\z`}},
		"time":                   {list, 1, "", `{"things": [{"name": "a", "made": "yesterday"}]}`, []string{`response /things/*/made: is "yesterday" and should be a date-time`}},
		"no JSON":                {list, 1, "", `{`, []string{"response : it is no JSON"}},
		"later":                  {list, 5, "", `{"things": [{"name": "A", "color": 7}]}`, nil},
		"later, too early":       {list, 6, "", `{"things": [{"name": "A", "color": "red", "weight": 1}]}`, []string{"response /things/*/weight: is not described"}},
		"later still":            {list, 9, "", `{"things": [{"name": "A", "color": "red", "weight": null}]}`, nil},
		"enum":                   {list, 5, "", `{"things": [{"name": "A", "color": "blue"}]}`, []string{"response /things/*/color: is blue and should be one of [red 7]"}},
		"type":                   {list, 7, "", `{"things": [{"name": "A", "color": 7, "weight": "1"}]}`, []string{"response /things/*/weight: is string and should be null or integer"}},
		"the closest choice":     {list, 5, "", `{"things": [{"name": "A", "color": 7, "parts": [1]}]}`, []string{"response /things/*/parts/*: is number and should be string"}},
		"no answer is described": {"DELETE /v2/things/{}", 1, "", `{}`, nil},
		"no such operation":      {"PATCH /v2/things/{}", 1, `{}`, `{}`, nil},
		"action":                 {act, 1, `{"paint": null}`, `{"color": "red"}`, nil},
		"action of later":        {act, 3, `{"paint": "red"}`, `{"color": "red"}`, nil},
		"action, too early":      {act, 2, `{"paint": "red"}`, "", []string{"paint request /paint: is string and should be null"}},
		"action, too late":       {act, 3, `{"paint": "r"}`, "", []string{"paint request /paint: minLength is not kept"}},
		"action's answer":        {act, 3, `{"paint": "red"}`, `{"color": 1}`, []string{"paint response /color: is number and should be string"}},
		"another action":         {act, 3, `{"sell": {}}`, `{"price": 1}`, nil},
		"unknown action":         {act, 3, `{"burn": {}}`, ``, []string{"burn request : this version has none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(c.operation, " ")
			found, err := d.Check(&Exchange{
				Method: method, Path: path, Version: c.version, Status: 200, RequestType: json, ResponseType: json, Request: []byte(c.request), Response: []byte(c.response),
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range found {
				got = append(got, strings.TrimPrefix(m.String(), c.operation+" "))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAbsent(t *testing.T) {
	t.Parallel()
	if _, err := parse("testdata", "none"); !errors.Is(err, ErrAbsent) {
		t.Errorf("a description that is not there: %v", err)
	}
	if _, err := parse("testdata", "short"); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("a description that is none: %v", err)
	}
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	d := &Description{service: "placement"}
	m := Mismatch{Operation: "GET /usages", Side: "response", Version: 9, At: "/usages/VCPU", Problem: "is number and should be object"}
	if e := d.Excepted(m); e == nil || !slices.Contains(d.Exceptions(), e) || e.Reason == "" {
		t.Errorf("not excepted: %v", m)
	}
	m.At = "/usages"
	if e := d.Excepted(m); e != nil {
		t.Errorf("%v is excepted by %s", m, e)
	}
}

// Each description can be read whole.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"compute", "identity", "image", "network", "placement"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			d, err := Open(service)
			if errors.Is(err, ErrAbsent) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			all, err := d.Operations()
			if err != nil {
				t.Fatal(err)
			}
			if len(all) < 30 {
				t.Errorf("only %d operations", len(all))
			}
			for name := range d.schemas {
				schema, err := d.schema(name)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := d.at(schema, 1<<10, true, true); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}
