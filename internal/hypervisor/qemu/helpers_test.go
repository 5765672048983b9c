package qemu

import (
	"context"
	"testing"
)

// withoutEnd is the test's context for clean-up, when that one has ended.
func withoutEnd(t *testing.T) context.Context { return context.WithoutCancel(t.Context()) }
