package network

import (
	"bytes"
	"testing"
)

func TestEncodeOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		option, value string
		version       int
		code          uint16
		want          string
	}{
		"addresses":             {"router", "10.0.0.1, 10.0.0.2", 4, 3, "\x0a\x00\x00\x01\x0a\x00\x00\x02"},
		"a number":              {"option:mtu", "1400", 4, 26, "\x05\x78"},
		"a code of text":        {"224", "x", 4, 224, "x"},
		"where boots go on":     {"server-ip-address", "192.0.2.9", 4, nextServer, "\xc0\x00\x02\x09"},
		"addresses of IPv6":     {"option6:dns-server", "[2001:db8::1]", 6, 23, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		"names":                 {"domain-search", "a.example,b.", 6, 24, "\x01a\x07example\x00\x01b\x00"},
		"a code of IPv6":        {"59", "tftp://[2001:db8::1]/x", 6, 59, "tftp://[2001:db8::1]/x"},
		"a number of IPv6":      {"information-refresh-time", "600", 6, 32, "\x00\x00\x02\x58"},
		"one name, two options": {"dns-server", "10.0.0.1", 4, 6, "\x0a\x00\x00\x01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, got, err := encodeOption(DHCPOption{Name: c.option, Value: &c.value, IPVersion: c.version})
			if err != nil || code != c.code || !bytes.Equal(got, []byte(c.want)) {
				t.Errorf("%d %q %v, want %d %q", code, got, err, c.code, c.want)
			}
		})
	}
}
