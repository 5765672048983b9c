package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"wisp/internal/errs"
)

// Microversions is the range that a service speaks: Major.Min to Major.Max.
// Without a header a request gets Major.Min.
type Microversions struct {
	Major, Min, Max int
	// Legacy is a header that means the same as OpenStack-API-Version for
	// this service alone (X-OpenStack-Nova-API-Version); may be empty.
	Legacy string
}

// String gives the version as clients write it.
func (m *Microversions) String() string {
	return fmt.Sprintf("%d.%d to %d.%d", m.Major, m.Min, m.Major, m.Max)
}

// negotiate returns the minor version that a request asks for.
func (m *Microversions) negotiate(service string, h http.Header) (int, error) {
	asked := ""
	if m.Legacy != "" {
		asked = h.Get(m.Legacy)
	}
	for _, line := range h.Values("OpenStack-API-Version") {
		for part := range strings.SplitSeq(line, ",") {
			if name, version, ok := strings.Cut(strings.TrimSpace(part), " "); ok && strings.EqualFold(name, service) {
				asked = strings.TrimSpace(version)
			}
		}
	}
	switch asked {
	case "":
		return m.Min, nil
	case "latest":
		return m.Max, nil
	}
	major, minor, ok := strings.Cut(asked, ".")
	a, err1 := strconv.ParseUint(major, 10, 16)
	b, err2 := strconv.ParseUint(minor, 10, 16)
	if !ok || err1 != nil || err2 != nil || (len(minor) > 1 && minor[0] == '0') || a == 0 && m.Min > 0 {
		return 0, errs.New(errs.Invalid, "API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", asked)
	}
	if int(a) != m.Major || int(b) < m.Min || int(b) > m.Max {
		return 0, errs.New(errs.NotAcceptable, "Version %s is not supported by the API. Minimum is %d.%d and maximum is %d.%d.",
			asked, m.Major, m.Min, m.Major, m.Max)
	}
	return int(b), nil
}

// announce sets the response's version headers.
func (m *Microversions) announce(service string, minor int, h http.Header) {
	version := fmt.Sprintf("%d.%d", m.Major, minor)
	h.Set("OpenStack-API-Version", service+" "+version)
	h.Add("Vary", "OpenStack-API-Version")
	if m.Legacy != "" {
		h.Set(m.Legacy, version)
		h.Add("Vary", m.Legacy)
	}
}
