package metadata

import (
	"fmt"
	"time"
)

// DriveLabel is the volume label by which a guest finds its config drive.
const DriveLabel = "config-2"

// Tree is what a config drive holds: every version of the OpenStack form and
// of the EC2 form, by path without a leading slash, and the admin password
// where one was asked for. The error is of vendor data that is no JSON.
func Tree(doc Document) (map[string][]byte, error) {
	tree := map[string][]byte{}
	for _, name := range append([]string{latest}, openstackVersions...) {
		version, _ := dated(name, openstackVersions)
		for _, file := range openstackFiles(&doc, version) {
			if file == passwordFile {
				continue // something to write to, not to read
			}
			content, err := openstackFile(&doc, version, file, true)
			if err != nil {
				return nil, fmt.Errorf("rendering %s: %w", file, err)
			}
			tree["openstack/"+name+"/"+file] = content
		}
	}
	for _, name := range append([]string{latest}, ec2Versions...) {
		version, _ := dated(name, ec2Versions)
		root := ec2Tree(&doc, version)
		content, err := encode(root.children["meta-data"].values())
		if err != nil {
			return nil, fmt.Errorf("rendering the EC2 form: %w", err)
		}
		tree["ec2/"+name+"/meta-data.json"] = content
		if data := root.children["user-data"]; data != nil {
			tree["ec2/"+name+"/user-data"] = data.leaf
		}
	}
	return tree, nil
}

// ConfigDrive returns an ISO 9660 image with the Tree of an instance, with
// Rock Ridge and Joliet names, labelled DriveLabel.
func ConfigDrive(doc Document) ([]byte, error) {
	tree, err := Tree(doc)
	if err != nil {
		return nil, err
	}
	return writeISO(DriveLabel, tree, time.Now().UTC())
}
