// Package hypervisortest is the suite that every hypervisor driver must pass,
// and the guest for tests of real ones.
//
// Run is the suite; a driver's test hands it a Harness. Sector is a boot
// sector that a driver of real machines can boot. Converge and Until are
// helpers for tests of drivers. Only tests import this package.
package hypervisortest
