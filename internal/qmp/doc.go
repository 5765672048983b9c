// Package qmp speaks the QEMU Machine Protocol: one JSON object a line over a
// Unix socket, commands with their replies, and events in between.
//
// Client is one connection; Event what QEMU tells unasked; Error a command
// that QEMU refused. Whatever comes in is taken as hostile (a guest may have
// taken over its QEMU): lines are bounded, nothing of them is trusted to have
// a type. The package knows the protocol and no command; it imports nothing
// of the project.
//
// Source: the specification docs/interop/qmp-spec of QEMU.
package qmp
