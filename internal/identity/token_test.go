package identity_test

import (
	"bytes"
	"testing"

	"wisp/internal/identity"
)

// What can be read is what was written, and whatever comes does no harm.
func FuzzPayload(f *testing.F) {
	plain, delegated, hollow := identity.SamplePayloads()
	for _, sample := range [][]byte{plain, delegated, hollow} {
		for i := range len(sample) + 1 {
			f.Add(sample[:i])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again, ok := identity.Payload(b)
		if !ok {
			return
		}
		third, ok := identity.Payload(again)
		if !ok || !bytes.Equal(third, again) {
			t.Fatalf("%x becomes %x and then %x", b, again, third)
		}
	})
}

func TestPayload(t *testing.T) {
	t.Parallel()
	sample, delegated, hollow := identity.SamplePayloads()
	for _, one := range [][]byte{sample, delegated} {
		if again, ok := identity.Payload(one); !ok || !bytes.Equal(again, one) {
			t.Fatalf("%x becomes %x", one, again)
		}
		for i := range one {
			if _, ok := identity.Payload(one[:i]); ok {
				t.Fatalf("the first %d bytes are accepted", i)
			}
		}
	}
	for name, broken := range map[string][]byte{
		"longer":        append(bytes.Clone(sample), 0),
		"hollow":        hollow,
		"other version": append([]byte{9}, sample[1:]...),
		"other scope":   append([]byte{sample[0], sample[1], 9}, sample[3:]...),
	} {
		if _, ok := identity.Payload(broken); ok {
			t.Errorf("%s is accepted", name)
		}
	}
}
