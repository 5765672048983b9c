package join_test

import (
	"strings"
	"testing"

	"wisp/internal/errs"
	"wisp/internal/join"
)

func TestToken(t *testing.T) {
	t.Parallel()
	token := join.NewToken(strings.Repeat("ab", 32))
	again, err := join.ParseToken("\n" + token.String() + " ")
	if err != nil || again != token {
		t.Errorf("%+v is read as %+v, error %v", token, again, err)
	}
	other := join.NewToken(strings.Repeat("ab", 32))
	if other.ID == token.ID || other.Secret == token.Secret || other.Hash() == token.Hash() {
		t.Error("two tokens are alike")
	}
	if strings.Contains(token.Hash(), token.Secret) || len(token.Hash()) != 64 {
		t.Errorf("the hash is %s", token.Hash())
	}
	parts := strings.Split(token.String(), ".")
	for name, text := range map[string]string{
		"nothing": "", "no fingerprint": parts[0] + "." + parts[1], "a part more": token.String() + ".x", "cut": token.String()[:len(token.String())-1],
		"a short secret": parts[0] + "." + parts[1][:10] + "." + parts[2], "an id of letters": "zzzzzzzzzzzz." + parts[1] + "." + parts[2],
		"large letters": strings.ToUpper(parts[0]) + "A." + parts[1] + "." + parts[2],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := join.ParseToken(text); !errs.Is(err, errs.Invalid) {
				t.Errorf("%q is read as %+v, error %v", text, got, err)
			}
		})
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(join.NewToken(strings.Repeat("ab", 32)).String())
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := join.ParseToken(text)
		if err == nil && token.String() != strings.TrimSpace(text) {
			t.Errorf("%q is read as %q", text, token)
		}
	})
}

func TestCheckServer(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://10.0.0.1:5001", "https://server.example:5001/", "https://[2001:db8::1]:5001"} {
		if err := join.CheckServer(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "10.0.0.1:5001", "http://10.0.0.1:5001", "https://10.0.0.1", "https://10.0.0.1:5001/x", "https://u@10.0.0.1:5001", "https://:5001", "https://10.0.0.1:5001?x", "://"} {
		if err := join.CheckServer(bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestOpenNothing(t *testing.T) {
	t.Parallel()
	if _, err := join.Open(t.TempDir()); !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "wisp node join") {
		t.Errorf("error %v", err)
	}
}
