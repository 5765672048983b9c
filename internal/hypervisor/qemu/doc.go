// Package qemu runs machines as QEMU processes, one for each, spoken to over
// QMP.
//
// Driver implements hypervisor.Driver. Below Config.StateDir it keeps one
// folder for each machine, instances/<id>/:
//
//	machine.json   what was decided and begun for it (record); written whole
//	root.qcow2     its disks: overlays and empty images, made natively
//	console.log    what its serial port said; the old part is cut away
//	qemu.log       what its QEMU complained about, for messages
//	config.iso     its config drive
//	*.sock         QMP, serial port, guest agent
//
// All of it belongs to wisp. Each QEMU runs as a user of its own who may open
// none of it: every file, socket and tap device is opened here and inherited.
// A guest that broke out of its machine finds nothing but its own files, and
// no socket's path can be too long.
//
// QEMU outlives this process. Nothing about a machine is only in memory: each
// step is recorded or can be seen, and Ensure goes on from wherever the last
// one was cut off. Every format of every disk is given to QEMU, none is ever
// probed.
//
// The package must not import services, the node agent or the dataplane.
package qemu
