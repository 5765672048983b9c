package computeapi_test

import "testing"

// Networks under Compute's own names, up to 2.35.
func TestNetworkProxy(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		list := b.ask(200, "member", "2.1", "GET", "/os-tenant-networks", nil)
		if dig(t, list, "networks", 0, "id") != b.network || dig(t, list, "networks", 0, "label") != "private" || dig(t, list, "networks", 0, "cidr") != "None" {
			t.Errorf("networks are %v", list)
		}
		if got := b.ask(200, "reader", "2.35", "GET", "/os-tenant-networks/"+b.network, nil); dig(t, got, "network", "label") != "private" {
			t.Errorf("the network is %v", got)
		}
		shown := dig(t, b.ask(200, "member", "2.1", "GET", "/os-networks/"+b.network, nil), "network").(object)
		if _, has := shown["cidr"]; shown["label"] != "private" || !has || len(shown) != 11 {
			t.Errorf("a member sees %v", shown)
		}
		list = b.ask(200, "admin", "2.1", "GET", "/os-networks", nil)
		if one := dig(t, list, "networks", 0).(object); len(one) != 32 {
			t.Errorf("an admin sees %d fields: %v", len(one), one)
		}
		for _, path := range []string{"/os-tenant-networks", "/os-networks"} {
			b.ask(404, "other", "2.1", "GET", path+"/"+b.network, nil)
			b.ask(404, "member", "2.36", "GET", path, nil)
			b.ask(410, "member", "2.1", "POST", path, object{})
			b.ask(410, "member", "2.96", "DELETE", path+"/"+b.network, nil)
		}
	})
}
