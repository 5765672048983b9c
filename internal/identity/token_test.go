package identity_test

import (
	"bytes"
	"testing"

	"wisp/internal/identity"
)

// What can be read is what was written, and whatever comes does no harm.
func FuzzPayload(f *testing.F) {
	sample := identity.SamplePayload()
	f.Add(sample)
	for i := range sample {
		f.Add(sample[:i])
	}
	f.Add([]byte{})
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
	sample := identity.SamplePayload()
	if again, ok := identity.Payload(sample); !ok || !bytes.Equal(again, sample) {
		t.Fatalf("%x becomes %x", sample, again)
	}
	for i := range sample {
		if _, ok := identity.Payload(sample[:i]); ok {
			t.Fatalf("the first %d bytes are accepted", i)
		}
	}
	for name, broken := range map[string][]byte{
		"longer":        append(bytes.Clone(sample), 0),
		"other version": append([]byte{9}, sample[1:]...),
		"other scope":   append([]byte{sample[0], sample[1], 9}, sample[3:]...),
	} {
		if _, ok := identity.Payload(broken); ok {
			t.Errorf("%s is accepted", name)
		}
	}
}
