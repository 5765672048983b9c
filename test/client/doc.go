// Package client proves that the clients which people use with OpenStack work
// with wisp as they are: each command of the distribution's openstack client,
// with its real output, and a whole first day by gophercloud.
//
// Both speak to one cloud with the fake hypervisor. The scripts in testdata
// each have a project of their own with a user of the same name:
//
//	openstack ARGS       runs the client as that user
//	admin ARGS           runs it as the cloud's administrator
//	value VAR COL ARGS   keeps a column of what a command shows, as $VAR
//	until REGEX ARGS     runs a command, as the administrator, until it prints that
//	vary REGEX TEXT      shows what differs from run to run as TEXT
//
// A command that should fail has a ! before it. What the first two print goes
// to the file transcript, behind "$ " or "# " with the command, and the script
// compares it with what is wanted. In a transcript, tables have no borders and
// no padding, ids are numbered by their first appearance, and digits of times
// are 0. `go test ./test/client -update` writes it anew: read the difference.
package client
