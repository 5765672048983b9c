// Package kernel runs the tests of the dataplane inside an emulated machine
// with the distribution's own kernel: Debian 12's is 6.1, the oldest that the
// dataplane supports. It has no tcx, so programs are attached with clsact, its
// verifier is stricter, and unlike many newer ones it has 802.1Q, GRE and dummy
// devices, which are the foreign end of a wire in those tests.
//
// The machine has no disk: its kernel, the modules, this machine's ip, ping and
// the like, a test binary and a first process (folder init) are packed into one
// archive. What the test binary prints comes back over a serial port, and each
// test in there is a subtest here. It runs without KVM.
//
// Environment:
//
//	WISP_TEST_KERNEL_RUN      which of the inner tests to run, as -test.run
//	WISP_TEST_KERNEL_PACKAGE  package of another kernel, as linux-image-6.12-cloud-amd64
//
// There is only test code in here. It must import nothing of the project.
package kernel
