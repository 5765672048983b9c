package metadata

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wisp/internal/errs"
)

func document() Document {
	return Document{
		UUID: "6e2a0d4f-7a53-4b9d-9d32-4c3b6a1f9e10", Name: "My web", Hostname: "my-web", Domain: "novalocal",
		ProjectID: "f0e1d2c3b4a5968778695a4b3c2d1e0f", AvailabilityZone: "nova", LaunchIndex: 1,
		Meta: map[string]string{"role": "web"}, Keys: []Key{{Name: "mine", Type: "ssh", Data: "ssh-ed25519 AAAA me"}},
		UserData: []byte("#!/bin/sh\necho hello\n"), VendorData: json.RawMessage(`{"motd":"hi"}`), AdminPass: "s3cret",
		ReservationID: "r-abcdefgh", InstanceType: "m1.tiny", ImageID: "0b0c0d0e-0000-4000-8000-000000000001",
		SecurityGroups: []string{"default", "web"}, PublicIPv4: "203.0.113.9",
		Network: Network{Interfaces: []Interface{{
			PortID: "a1b2c3d4-e5f6-4711-8899-aabbccddeeff", NetworkID: "net-1", MAC: "fa:16:3e:00:00:01", MTU: 1450,
			Addresses: []InterfaceAddr{{
				SubnetID: "sub-1", Prefix: netip.MustParsePrefix("10.0.0.5/24"), Gateway: netip.MustParseAddr("10.0.0.1"),
				DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")}, DHCP: true,
			}},
		}, {
			PortID: "short", NetworkID: "net-2", MAC: "fa:16:3e:00:00:02", MTU: 1500,
			Addresses: []InterfaceAddr{{
				Prefix: netip.MustParsePrefix("2001:db8::5/64"), Gateway: netip.MustParseAddr("2001:db8::1"),
				DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")},
			}, {
				Prefix: netip.MustParsePrefix("10.1.0.5/20"), Gateway: netip.MustParseAddr("10.1.0.1"),
				DNS:    []netip.Addr{netip.MustParseAddr("192.0.2.53")},
				Routes: []Route{{netip.MustParsePrefix("10.9.0.0/16"), netip.MustParseAddr("10.1.0.9")}},
			}},
		}, {PortID: "no addresses", NetworkID: "net-3", MAC: "fa:16:3e:00:00:03", MTU: 1500}}},
	}
}

// serve returns a service that knows the instance of every caller from a
// remote address.
func serve(docs map[string]Document) http.Handler {
	return Handler(func(r *http.Request) (*Document, bool) {
		d, ok := docs[r.RemoteAddr]
		return &d, ok
	}, nil)
}

func get(t *testing.T, h http.Handler, method, at, from string, header http.Header) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequest(method, "http://169.254.169.254"+at, nil)
	r.RemoteAddr = from
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Body)
	return w.Code, string(body), w.Header()
}

func TestPaths(t *testing.T) {
	t.Parallel()
	h := serve(map[string]Document{"x": document()})
	openstack := "2012-08-10\n2013-04-04\n2013-10-17\n2015-10-15\n2016-06-30\n2016-10-06\n2017-02-22\n2018-08-27\n2020-10-14\nlatest"
	ec2 := "1.0\n2007-01-19\n2007-03-01\n2007-08-29\n2007-10-10\n2007-12-15\n2008-02-01\n2008-09-01\n2009-04-04\nlatest"
	for at, want := range map[string]string{
		"/":                                    ec2,
		"/ec2":                                 ec2,
		"/openstack":                           openstack,
		"/openstack/":                          openstack,
		"/openstack/latest":                    "meta_data.json\nuser_data\npassword\nvendor_data.json\nnetwork_data.json\nvendor_data2.json",
		"/openstack/2012-08-10/":               "meta_data.json\nuser_data",
		"/openstack/2013-04-04":                "meta_data.json\nuser_data\npassword",
		"/openstack/2013-10-17":                "meta_data.json\nuser_data\npassword\nvendor_data.json",
		"/openstack/2015-10-15":                "meta_data.json\nuser_data\npassword\nvendor_data.json\nnetwork_data.json",
		"/openstack/latest/user_data":          "#!/bin/sh\necho hello\n",
		"/openstack/latest/user_data/":         "#!/bin/sh\necho hello\n",
		"/openstack/latest/password":           "",
		"/openstack/latest/vendor_data.json":   `{"motd":"hi"}`,
		"/openstack/latest/vendor_data2.json":  `{"static":{"motd":"hi"}}`,
		"/latest":                              "meta-data/\nuser-data",
		"/latest/user-data":                    "#!/bin/sh\necho hello\n",
		"/ec2/latest/meta-data/hostname":       "my-web.novalocal",
		"/2009-04-04/meta-data/local-hostname": "my-web.novalocal",
		"/latest/meta-data/": "ami-id\nami-launch-index\nami-manifest-path\nblock-device-mapping/\nhostname\ninstance-action\ninstance-id\n" +
			"instance-type\nlocal-hostname\nlocal-ipv4\nplacement/\npublic-hostname\npublic-ipv4\npublic-keys/\nreservation-id\nsecurity-groups",
		"/1.0/meta-data":                                    "ami-id\nami-launch-index\nami-manifest-path\nhostname\ninstance-id\nlocal-ipv4\npublic-keys/\nreservation-id\nsecurity-groups",
		"/latest/meta-data/ami-id":                          "ami-0b0c0d0e",
		"/latest/meta-data/instance-id":                     "i-6e2a0d4f",
		"/latest/meta-data/ami-launch-index":                "1",
		"/latest/meta-data/local-ipv4":                      "10.0.0.5",
		"/latest/meta-data/public-ipv4":                     "203.0.113.9",
		"/latest/meta-data/instance-type":                   "m1.tiny",
		"/latest/meta-data/reservation-id":                  "r-abcdefgh",
		"/latest/meta-data/instance-action":                 "none",
		"/latest/meta-data/security-groups":                 "default\nweb",
		"/latest/meta-data/placement/":                      "availability-zone",
		"/latest/meta-data/placement/availability-zone":     "nova",
		"/latest/meta-data/public-keys":                     "0=mine",
		"/latest/meta-data/public-keys/0":                   "openssh-key",
		"/latest/meta-data/public-keys/0/":                  "openssh-key",
		"/latest/meta-data/public-keys/0/openssh-key":       "ssh-ed25519 AAAA me",
		"/latest/meta-data/block-device-mapping/":           "ami\nroot",
		"/latest/meta-data/block-device-mapping/root":       "/dev/vda",
		"/latest/meta-data/../meta-data/./ami-launch-index": "1",
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			status, body, header := get(t, h, http.MethodGet, at, "x", nil)
			if status != http.StatusOK || body != want {
				t.Errorf("status %d, body %q, want %q", status, body, want)
			}
			wantKind := plainText
			if strings.HasSuffix(at, ".json") {
				wantKind = jsonText
			}
			if got := header.Get("Content-Type"); got != wantKind {
				t.Errorf("content type %q, want %q", got, wantKind)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	bare := document()
	bare.UserData, bare.Keys = nil, nil
	h := serve(map[string]Document{"x": bare})
	for _, at := range []string{
		"/openstack/2011-01-01", "/openstack/latest/nothing", "/openstack/latest/meta_data.json/more", "/openstack/2012-08-10/password",
		"/openstack/2013-10-17/network_data.json", "/openstack/2016-06-30/vendor_data2.json", "/openstack/content", "/openstack/content/0000",
		"/openstack/latest/user_data", "/latest/user-data", "/latest/meta-data/public-keys", "/latest/nothing", "/2020-01-01/meta-data",
		"/latest/meta-data/ami-id/more", "/1.0/meta-data/placement", "/latest/api/token", "/latest/meta-data/kernel-id",
	} {
		if status, _, _ := get(t, h, http.MethodGet, at, "x", nil); status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", at, status)
		}
	}
	if status, _, _ := get(t, h, http.MethodPut, "/latest/api/token", "x", nil); status != http.StatusNotFound {
		t.Errorf("a token of EC2's second version: status %d, want 404", status)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := serve(map[string]Document{"x": document()})
	if status, body, header := get(t, h, http.MethodHead, "/openstack/latest/user_data", "x", nil); status != 200 || body != "" || header.Get("Content-Length") != "21" {
		t.Errorf("HEAD: %d %q %v", status, body, header)
	}
	if status, _, header := get(t, h, http.MethodPost, "/openstack/latest/password", "x", nil); status != 405 || header.Get("Allow") == "" {
		t.Errorf("POST: %d %v", status, header)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	doc, told := document(), ""
	var failure error
	h := Handler(func(*http.Request) (*Document, bool) { return &doc, true }, func(_ context.Context, id, password string) error {
		if id != doc.UUID {
			t.Errorf("the password is that of %q", id)
		}
		told = password
		return failure
	})
	post := func(path, body string, want int) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("POST %s answers %d, want %d", path, w.Code, want)
		}
	}
	const path = "/openstack/latest/password"
	post(path, "secret", 200)
	if told != "secret" {
		t.Errorf("kept: %q", told)
	}
	post(path, strings.Repeat("x", maxPassword+1), 400)
	post("/openstack/latest/user_data", "x", 405)
	post("/openstack/2012-08-10/password", "x", 404) // older than passwords
	failure = errs.New(errs.Conflict, "told")
	post(path, "x", 409)
	failure = errs.New(errs.Unavailable, "away")
	post(path, "x", 503)
	doc.Password = "secret"
	post(path, "x", 409)
	if _, body, _ := get(t, h, http.MethodGet, path, "x", nil); body != "secret" {
		t.Errorf("the guest reads %q", body)
	}
	tree, err := Tree(doc)
	if err != nil {
		t.Fatal(err)
	}
	for name := range tree {
		if strings.HasSuffix(name, "/"+passwordFile) {
			t.Errorf("the drive has the password in %s", name)
		}
	}
}

func TestMetaData(t *testing.T) {
	t.Parallel()
	h := serve(map[string]Document{"x": document()})
	fields := func(version string) (map[string]any, []string) {
		_, body, _ := get(t, h, http.MethodGet, "/openstack/"+version+"/meta_data.json", "x", nil)
		var m map[string]any
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Fatal(err)
		}
		var names []string
		for name := range m {
			names = append(names, name)
		}
		slices.Sort(names)
		return m, names
	}
	base := []string{"availability_zone", "hostname", "keys", "launch_index", "meta", "name", "public_keys", "uuid"}
	with := func(more ...string) []string { return slices.Sorted(slices.Values(append(more, base...))) }
	for version, want := range map[string][]string{
		"2012-08-10": base,
		"2013-04-04": with("random_seed"),
		"2015-10-15": with("random_seed", "project_id"),
		"2016-06-30": with("random_seed", "project_id", "devices"),
		"latest":     with("random_seed", "project_id", "devices", "dedicated_cpus"),
	} {
		if _, got := fields(version); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", version, got, want)
		}
	}
	m, _ := fields("latest")
	one, two := m["random_seed"], ""
	if again, _ := fields("latest"); again["random_seed"] == one {
		t.Errorf("the random seed %q repeats%s", one, two)
	}
	delete(m, "random_seed")
	want := map[string]any{
		"uuid": "6e2a0d4f-7a53-4b9d-9d32-4c3b6a1f9e10", "name": "My web", "hostname": "my-web.novalocal", "launch_index": 1.0,
		"availability_zone": "nova", "project_id": "f0e1d2c3b4a5968778695a4b3c2d1e0f", "meta": map[string]any{"role": "web"},
		"public_keys": map[string]any{"mine": "ssh-ed25519 AAAA me"},
		"keys":        []any{map[string]any{"name": "mine", "type": "ssh", "data": "ssh-ed25519 AAAA me"}},
		"devices":     []any{}, "dedicated_cpus": []any{},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("meta_data.json (-want +got):\n%s", diff)
	}
	bare := serve(map[string]Document{"x": {UUID: "u", Hostname: "h"}})
	_, body, _ := get(t, bare, http.MethodGet, "/openstack/2012-08-10/meta_data.json", "x", nil)
	if want := `{"uuid":"u","hostname":"h","name":"","launch_index":0,"availability_zone":""}`; body != want {
		t.Errorf("bare document: %s, want %s", body, want)
	}
}

// CirrOS reads the documents with awk, which takes an escape such as \u003c for
// the letters "u003c".
func TestLettersAreNotEscaped(t *testing.T) {
	t.Parallel()
	doc := document()
	const key = "ssh-ed25519 AAAA Me & Co <me@example.org>"
	doc.Keys[0].Data, doc.Meta["role"] = key, "a<b>&c"
	doc.VendorData = json.RawMessage(`{"motd":"<hi>"}`)
	h := serve(map[string]Document{"x": doc})
	tree, err := Tree(doc)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		"openstack/latest/meta_data.json":    {key, `"a<b>&c"`},
		"openstack/latest/vendor_data2.json": {`{"motd":"<hi>"}`},
	} {
		_, body, _ := get(t, h, http.MethodGet, "/"+file, "x", nil)
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s lacks %q: %s", file, text, body)
			}
			if !strings.Contains(string(tree[file]), text) {
				t.Errorf("the config drive's %s lacks %q: %s", file, text, tree[file])
			}
		}
	}
	if ec2 := string(tree["ec2/latest/meta-data.json"]); !strings.Contains(ec2, key) {
		t.Errorf("the config drive's EC2 form lacks %q: %s", key, ec2)
	}
}

func TestNetworkData(t *testing.T) {
	t.Parallel()
	d := document()
	got, err := json.MarshalIndent(networkData(d.Network), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "links": [
  {"id": "tapa1b2c3d4-e5", "vif_id": "a1b2c3d4-e5f6-4711-8899-aabbccddeeff", "type": "phy", "mtu": 1450, "ethernet_mac_address": "fa:16:3e:00:00:01"},
  {"id": "tapshort", "vif_id": "short", "type": "phy", "mtu": 1500, "ethernet_mac_address": "fa:16:3e:00:00:02"}
 ],
 "networks": [
  {"id": "network0", "type": "ipv4_dhcp", "link": "tapa1b2c3d4-e5", "network_id": "net-1"},
  {"id": "network1", "type": "ipv4", "link": "tapshort", "network_id": "net-2", "ip_address": "10.1.0.5", "netmask": "255.255.240.0",
   "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.1.0.1"}, {"network": "10.9.0.0", "netmask": "255.255.0.0", "gateway": "10.1.0.9"}],
   "services": [{"type": "dns", "address": "192.0.2.53"}]},
  {"id": "network2", "type": "ipv6", "link": "tapshort", "network_id": "net-2", "ip_address": "2001:db8::5", "netmask": "ffff:ffff:ffff:ffff::",
   "routes": [{"network": "::", "netmask": "::", "gateway": "2001:db8::1"}], "services": [{"type": "dns", "address": "2001:db8::53"}]}
 ],
 "services": [{"type": "dns", "address": "192.0.2.53"}, {"type": "dns", "address": "2001:db8::53"}]
}`
	var g, w any
	_ = json.Unmarshal(got, &g)
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("network_data.json (-want +got):\n%s", diff)
	}
	if none, _ := json.Marshal(networkData(Network{})); string(none) != "{}" {
		t.Errorf("without interfaces: %s, want {}", none)
	}
}

func TestVendorData(t *testing.T) {
	t.Parallel()
	h := serve(map[string]Document{"none": {}, "broken": {VendorData: json.RawMessage("{")}})
	if _, body, _ := get(t, h, http.MethodGet, "/openstack/latest/vendor_data2.json", "none", nil); body != `{"static":{}}` {
		t.Errorf("without vendor data: %s", body)
	}
	if status, _, _ := get(t, h, http.MethodGet, "/openstack/latest/vendor_data2.json", "broken", nil); status != 500 {
		t.Errorf("broken vendor data: status %d, want 500", status)
	}
	if _, err := ConfigDrive(Document{VendorData: json.RawMessage("{")}); err == nil {
		t.Error("a drive was made of broken vendor data")
	}
}

// The caller is who the connection comes from; whatever it says about itself
// in headers changes nothing, and a stranger learns nothing.
func TestS46_IdentityIsTheConnections(t *testing.T) {
	t.Parallel()
	victim, attacker := document(), document()
	attacker.UUID, attacker.Hostname, attacker.UserData = "attacker", "attacker", []byte("mine")
	h := serve(map[string]Document{"10.0.0.5:1": victim, "10.0.0.6:1": attacker})
	forged := http.Header{
		"X-Forwarded-For": {"10.0.0.5"}, "X-Real-Ip": {"10.0.0.5"}, "Forwarded": {"for=10.0.0.5"},
		"X-Instance-Id": {victim.UUID}, "X-Tenant-Id": {victim.ProjectID}, "X-Instance-Id-Signature": {"00"},
		"X-Metadata-Provider": {"p"}, "X-Metadata-Provider-Signature": {"00"}, "Host": {"10.0.0.5"},
	}
	for _, at := range []string{"/openstack/latest/meta_data.json", "/openstack/latest/user_data", "/latest/meta-data/hostname", "/latest/user-data"} {
		_, plain, _ := get(t, h, http.MethodGet, at, "10.0.0.6:1", nil)
		status, body, _ := get(t, h, http.MethodGet, at, "10.0.0.6:1", forged)
		if status != http.StatusOK || strings.Contains(body, victim.UUID) || len(body) != len(plain) {
			t.Errorf("%s with forged headers: %d %q", at, status, body)
		}
		if status, body, _ := get(t, h, http.MethodGet, at, "10.0.0.7:1", forged); status != http.StatusNotFound || strings.Contains(body, "hello") {
			t.Errorf("%s from a stranger: %d %q", at, status, body)
		}
	}
}

func TestAdminPassOnlyOnTheDrive(t *testing.T) {
	t.Parallel()
	d := document()
	h := serve(map[string]Document{"x": d})
	if _, body, _ := get(t, h, http.MethodGet, "/openstack/latest/meta_data.json", "x", nil); strings.Contains(body, d.AdminPass) {
		t.Error("the metadata service tells the admin password")
	}
	tree, err := Tree(d)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(tree["openstack/latest/meta_data.json"]), d.AdminPass) {
		t.Error("the config drive does not have the admin password")
	}
}
