package errs_test

import (
	"errors"
	"fmt"
	"testing"

	"wisp/internal/errs"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	cases := []struct {
		name string
		err  error
		kind errs.Kind
	}{
		{"plain", cause, errs.Internal},
		{"new", errs.New(errs.NotFound, "no %s", "port"), errs.NotFound},
		{"wrapped", fmt.Errorf("while: %w", errs.Wrap(cause, errs.Conflict, "taken")), errs.Conflict},
		{"typed", errs.New(errs.NotFound, "gone").WithType("PortNotFound"), errs.NotFound},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := errs.Of(c.err); got != c.kind || !errs.Is(c.err, c.kind) {
				t.Errorf("kind %s, want %s", got, c.kind)
			}
		})
	}
	if errs.Is(nil, errs.Internal) {
		t.Error("no error has a kind")
	}
	if !errors.Is(errs.Wrap(cause, errs.Conflict, "taken"), cause) {
		t.Error("the cause is lost")
	}
	if got := errs.Kind(99).String(); got != "kind 99" {
		t.Errorf("an unknown kind is %q", got)
	}
}
