package apitest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"wisp/internal/api"
	"wisp/internal/api/contract"
)

// tape is a ResponseWriter that keeps the JSON of a request and of its answer.
type tape struct {
	http.ResponseWriter
	request         *http.Request
	asked, answered bytes.Buffer
}

func isJSON(h http.Header) bool { return strings.Contains(h.Get("Content-Type"), "json") }

// record begins a tape, on which the request's body comes as it is read.
func record(w http.ResponseWriter, r *http.Request) *tape {
	t := &tape{ResponseWriter: w, request: r}
	if isJSON(r.Header) && r.Body != nil {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &t.asked), r.Body}
	}
	return t
}

// Write implements http.ResponseWriter.
func (t *tape) Write(p []byte) (int, error) {
	if isJSON(t.Header()) {
		t.answered.Write(p)
	}
	return t.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (t *tape) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// version is the minor one that the answer names.
func (t *tape) version(n *noted) int {
	if n.service.Versions == nil {
		return -1
	}
	_, version, _ := strings.Cut(t.Header().Get("OpenStack-API-Version"), ".")
	minor, _ := strconv.Atoi(version) // none is of an older API
	return minor
}

// reported holds the mismatches that some test was told of, and used the
// exceptions that some answer needed.
var reported, used sync.Map

// compare fails the test where request or answer are not as described.
func (t *tape) compare(test testing.TB, n *noted) {
	d, err := contract.Open(n.service.Type)
	if errors.Is(err, contract.ErrAbsent) {
		return
	}
	if err != nil {
		test.Error(err)
		return
	}
	if t.request.URL.Query().Has("fields") {
		return // who asks for some keys gets those
	}
	found, err := d.Check(&contract.Exchange{
		Method: n.route.Method, Path: strings.Replace(n.route.Path, "/v2.1/{project_id}/", "/v2.1/", 1), Version: t.version(n), Status: n.status,
		RequestType: t.request.Header.Get("Content-Type"), ResponseType: t.Header().Get("Content-Type"),
		Request: t.asked.Bytes(), Response: t.answered.Bytes(),
	})
	if err != nil {
		test.Error(err)
	}
	for _, m := range found {
		if e := d.Excepted(m); e != nil {
			used.Store(e, true)
			continue
		}
		if _, before := reported.LoadOrStore(n.service.Name+m.String(), true); before {
			continue
		}
		test.Errorf("not as the real service (at version %d): %s", m.Version, m)
	}
}

// unused prints the exceptions of a service that no answer needed, and whether
// there were any.
func unused(s *api.Service) bool {
	d, err := contract.Open(s.Type)
	if err != nil {
		return false // a test has failed by it, unless there is no description
	}
	found := false
	for _, e := range d.Exceptions() {
		if _, ok := used.Load(e); !ok {
			fmt.Printf("no answer of %s needs the exception %s (%s)\n", s.Name, e, e.Reason)
			found = true
		}
	}
	return found
}
