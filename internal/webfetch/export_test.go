package webfetch

import "net/netip"

// OwnAddresses are taken for those of this machine.
func (f *Fetcher) OwnAddresses(own ...netip.Addr) {
	f.own = func() ([]netip.Addr, error) { return own, nil }
}
