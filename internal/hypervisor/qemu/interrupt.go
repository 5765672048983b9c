package qemu

import (
	"context"
	"errors"
	"fmt"

	"wisp/internal/errs"
	"wisp/internal/qmp"
)

// Interrupt implements hypervisor.Driver.
func (d *Driver) Interrupt(ctx context.Context, id string) error {
	return d.running(ctx, id, func(ctx context.Context, m *machine) error {
		err := m.ask(ctx, "inject-nmi", nil, nil)
		if refusal, ok := errors.AsType[*qmp.Error](err); ok {
			// QEMU has one reason to refuse it: the machine has no such interrupts.
			return errs.Wrap(refusal, errs.NotImplemented, "The machine has no interrupts that cannot be masked.")
		}
		if err != nil {
			return fmt.Errorf("interrupt the guest: %w", err)
		}
		return nil
	})
}
