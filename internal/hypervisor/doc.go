// Package hypervisor says what a host's hypervisor must be able to do, in
// terms that know no QEMU and no OpenStack: Driver is the interface, Spec
// the desired state of one machine, Status and Instance what is, Event what
// happened by itself.
//
// The drivers are in the packages below it: qemu for real machines, fake for
// scale tests. hypervisortest is the suite that both must pass. This package
// imports nothing of the project but errs; it must never import a driver, a
// service or the node agent.
package hypervisor
