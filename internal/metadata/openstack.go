package metadata

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
)

// The dates from which on a file or a field is there, and all dates in order.
// Source: the metadata page of the Nova user guide.
const (
	folsom     = "2012-08-10"
	grizzly    = "2013-04-04"
	havana     = "2013-10-17"
	liberty    = "2015-10-15"
	newtonOne  = "2016-06-30"
	newtonTwo  = "2016-10-06"
	ocata      = "2017-02-22"
	rocky      = "2018-08-27"
	victoria   = "2020-10-14"
	latest     = "latest"
	seedLength = 512 // bytes of random_seed before base64
)

var openstackVersions = []string{folsom, grizzly, havana, liberty, newtonOne, newtonTwo, ocata, rocky, victoria}

// The files of one version.
const (
	metaDataFile    = "meta_data.json"
	userDataFile    = "user_data"
	passwordFile    = "password"
	vendorDataFile  = "vendor_data.json"
	networkDataFile = "network_data.json"
	vendorData2File = "vendor_data2.json"
)

// dated resolves "latest"; false for a version that there never was.
func dated(version string, versions []string) (string, bool) {
	if version == latest {
		return versions[len(versions)-1], true
	}
	return version, slices.Contains(versions, version)
}

// openstackFiles lists what a version has, in the order that Nova shows.
func openstackFiles(doc *Document, version string) []string {
	files := []string{metaDataFile}
	for _, f := range []struct {
		name  string
		since string
		there bool
	}{
		{userDataFile, folsom, doc.UserData != nil},
		{passwordFile, grizzly, true},
		{vendorDataFile, havana, true},
		{networkDataFile, liberty, true},
		{vendorData2File, newtonTwo, true},
	} {
		if f.there && version >= f.since {
			files = append(files, f.name)
		}
	}
	return files
}

// openstackFile renders one file of a version that has it.
func openstackFile(doc *Document, version, name string, drive bool) ([]byte, error) {
	switch name {
	case metaDataFile:
		return encode(metaData(doc, version, drive))
	case userDataFile:
		return doc.UserData, nil
	case networkDataFile:
		return encode(networkData(doc.Network))
	case vendorDataFile:
		return vendorData(doc), nil
	case vendorData2File:
		return encode(map[string]json.RawMessage{"static": vendorData(doc)})
	}
	return []byte(doc.Password), nil
}

// encode writes JSON as Nova does: <, > and & as they are. Guests that parse it
// with a shell or awk, as CirrOS does, do not know the escapes that Go would
// write for them, and a key's comment has such letters.
func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

func vendorData(doc *Document) json.RawMessage {
	if len(doc.VendorData) == 0 {
		return json.RawMessage("{}")
	}
	return doc.VendorData
}

// metaDataJSON is the shape of meta_data.json.
type metaDataJSON struct {
	UUID             string            `json:"uuid"`
	Meta             map[string]string `json:"meta,omitempty"`
	AdminPass        string            `json:"admin_pass,omitempty"`
	PublicKeys       map[string]string `json:"public_keys,omitempty"`
	Keys             []Key             `json:"keys,omitempty"`
	Hostname         string            `json:"hostname"`
	Name             string            `json:"name"`
	LaunchIndex      int               `json:"launch_index"`
	AvailabilityZone string            `json:"availability_zone"`
	RandomSeed       string            `json:"random_seed,omitempty"`
	ProjectID        string            `json:"project_id,omitempty"`
	Devices          *[]struct{}       `json:"devices,omitempty"`
	DedicatedCPUs    *[]int            `json:"dedicated_cpus,omitempty"`
}

func metaData(doc *Document, version string, drive bool) metaDataJSON {
	m := metaDataJSON{
		UUID: doc.UUID, Meta: doc.Meta, Keys: doc.Keys, Hostname: fullHostname(doc), Name: doc.Name,
		LaunchIndex: doc.LaunchIndex, AvailabilityZone: doc.AvailabilityZone,
	}
	if drive {
		m.AdminPass = doc.AdminPass
	}
	for _, key := range doc.Keys {
		if m.PublicKeys == nil {
			m.PublicKeys = map[string]string{}
		}
		m.PublicKeys[key.Name] = key.Data
	}
	if version >= grizzly {
		seed := make([]byte, seedLength)
		_, _ = rand.Read(seed) // never fails: it ends the process instead
		m.RandomSeed = base64.StdEncoding.EncodeToString(seed)
	}
	if version >= liberty {
		m.ProjectID = doc.ProjectID
	}
	if version >= newtonOne {
		m.Devices = &[]struct{}{} // tagged devices
	}
	if version >= victoria {
		m.DedicatedCPUs = &[]int{}
	}
	return m
}

func fullHostname(doc *Document) string {
	if doc.Domain == "" {
		return doc.Hostname
	}
	return doc.Hostname + "." + doc.Domain
}
