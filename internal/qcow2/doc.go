// Package qcow2 tells what a disk image really is, from its bytes alone, and
// writes new qcow2 images. It does natively what people use qemu-img for, so
// that nothing but this parser ever touches an image that nobody trusts.
//
// Inspect and Inspector yield an Info: the format, the virtual size, and the
// Problems that forbid to use the image (files outside of it, features that
// are not known, sizes that cannot be). Create and CreateOverlay write
// images. The package imports nothing of the project but errs, and must not
// run programs.
//
// Sources: docs/interop/qcow2.txt, qed_spec.txt and parallels.txt of QEMU;
// Virtual Disk Format 5.0 (VMware); Virtual Hard Disk Image Format
// Specification and [MS-VHDX] (Microsoft); ECMA-119; UEFI chapter 5.
package qcow2
