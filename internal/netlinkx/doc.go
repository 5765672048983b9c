// Package netlinkx is the project's only door to netlink and to network
// namespaces. A Handle speaks to one namespace; its methods do one thing each
// and repeat a dump that the kernel interrupted. Types are plain values, so
// that callers never see the netlink library.
//
// It must not import anything of the project but errs.
package netlinkx
