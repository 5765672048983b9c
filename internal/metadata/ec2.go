package metadata

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ec2Versions are the dates of the EC2 form that Nova answers to.
var ec2Versions = []string{"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04"}

// entry is a leaf or a folder of the EC2 form. A folder with a label is shown
// by it in its parent's listing: EC2 writes "0=name" for a key.
type entry struct {
	leaf     []byte
	children map[string]*entry
	label    string
	lines    []string // a leaf of several lines, a list in the config drive
}

func leaf(text string) *entry { return &entry{leaf: []byte(text)} }

func folder(children map[string]*entry) *entry { return &entry{children: children} }

// ec2Tree is what a version has below its name.
func ec2Tree(doc *Document, version string) *entry {
	localAddress := ""
	for _, nic := range doc.Network.Interfaces {
		for _, a := range nic.Addresses {
			if localAddress == "" && a.Prefix.Addr().Is4() {
				localAddress = a.Prefix.Addr().String()
			}
		}
	}
	meta := map[string]*entry{
		"ami-id":            leaf(shortID("ami", doc.ImageID)),
		"ami-launch-index":  leaf(strconv.Itoa(doc.LaunchIndex)),
		"ami-manifest-path": leaf("FIXME"), // Nova's own answer, which guests have learnt to ignore
		"instance-id":       leaf(shortID("i", doc.UUID)),
		"hostname":          leaf(fullHostname(doc)),
		"local-ipv4":        leaf(localAddress),
		"reservation-id":    leaf(doc.ReservationID),
		"security-groups":   {leaf: []byte(strings.Join(doc.SecurityGroups, "\n")), lines: doc.SecurityGroups},
	}
	if len(doc.Keys) > 0 {
		keys := map[string]*entry{}
		for i, key := range doc.Keys {
			number := strconv.Itoa(i)
			keys[number] = &entry{label: number + "=" + key.Name, children: map[string]*entry{"openssh-key": leaf(key.Data)}}
		}
		meta["public-keys"] = folder(keys)
	}
	if version >= "2007-01-19" {
		meta["local-hostname"], meta["public-hostname"] = leaf(fullHostname(doc)), leaf(fullHostname(doc))
		meta["public-ipv4"] = leaf(doc.PublicIPv4)
	}
	if version >= "2007-08-29" {
		meta["instance-type"] = leaf(doc.InstanceType)
	}
	if version >= "2007-12-15" {
		meta["block-device-mapping"] = folder(map[string]*entry{"ami": leaf("vda"), "root": leaf("/dev/vda")})
		if doc.KernelID != "" {
			meta["kernel-id"] = leaf(shortID("aki", doc.KernelID))
		}
		if doc.RamdiskID != "" {
			meta["ramdisk-id"] = leaf(shortID("ari", doc.RamdiskID))
		}
	}
	if version >= "2008-02-01" {
		meta["placement"] = folder(map[string]*entry{"availability-zone": leaf(doc.AvailabilityZone)})
	}
	if version >= "2008-09-01" {
		meta["instance-action"] = leaf("none")
	}
	root := map[string]*entry{"meta-data": folder(meta)}
	if doc.UserData != nil {
		root["user-data"] = &entry{leaf: doc.UserData}
	}
	return folder(root)
}

// shortID makes an id of EC2's form from one of ours: "i-" and 8 hex digits.
// Nova numbers its own; these are the start of the id, and as lasting.
func shortID(kind, id string) string {
	if id == "" {
		return ""
	}
	hex := strings.ReplaceAll(id, "-", "")
	return kind + "-" + hex[:min(len(hex), 8)]
}

// find walks down; nil when there is no such entry.
func (e *entry) find(path []string) *entry {
	for _, name := range path {
		if e = e.children[name]; e == nil {
			return nil
		}
	}
	return e
}

// render is what a client reads: a leaf's bytes or a folder's listing.
func (e *entry) render() []byte {
	if e.children == nil {
		return e.leaf
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(e.children)) {
		switch child := e.children[name]; {
		case child.label != "":
			lines = append(lines, child.label)
		case child.children != nil:
			lines = append(lines, name+"/")
		default:
			lines = append(lines, name)
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// values is the entry as JSON shows it on the config drive.
func (e *entry) values() any {
	switch {
	case e.lines != nil:
		return e.lines
	case e.children == nil:
		return string(e.leaf)
	}
	object := map[string]any{}
	for name, child := range e.children {
		object[name] = child.values()
	}
	return object
}
