package identity_test

import (
	"net/url"
	"strings"
	"testing"

	"wisp/internal/identity"
)

// The example of RFC 5849, section 3.4.1.1, comes out as it says there.
func TestSignatureBase(t *testing.T) {
	t.Parallel()
	query, err := url.ParseQuery("b5=%3D%253D&a3=a&c%40=&a2=r%20b&c2&a3=2+q")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := identity.ParseSigned("POST", "http://EXAMPLE.com:80/request", query, `OAuth realm="Example",
		oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", oauth_signature_method="HMAC-SHA1",
		oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D"`)
	if err != nil {
		t.Fatal(err)
	}
	want := "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26" +
		"oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
	if got := signed.Base(); got != want {
		t.Errorf("base string\n%s\nwant\n%s", got, want)
	}
}

func FuzzSigned(f *testing.F) {
	f.Add("http://x/y", `OAuth a="b", c="d"`)
	f.Add("http://x:80/%2f?", `oauth realm=,,=`)
	f.Fuzz(func(t *testing.T, target, header string) {
		signed, err := identity.ParseSigned("POST", target, nil, header)
		if err != nil {
			return
		}
		if base := signed.Base(); !strings.HasPrefix(base, "POST&") || strings.Count(base, "&") != 2 {
			t.Errorf("base string %s", base)
		}
	})
}
