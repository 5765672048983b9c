package network_test

import (
	"log/slog"
	"strings"
	"testing"

	"wisp/internal/api/apitest"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/store/storetest"
)

// A type that the hosts cannot carry must not be promised.
func TestTypesThatAreNotCarried(t *testing.T) {
	t.Parallel()
	s := network.New(storetest.SQLite(t), slog.New(slog.DiscardHandler), network.Config{Types: []string{network.TypeLocal, network.TypeVXLAN}})
	admin := apitest.Standard()["admin"]
	for kind, offered := range map[string]bool{network.TypeLocal: true, network.TypeVXLAN: true, network.TypeGRE: false, network.TypeFlat: false, "geneve": false} {
		_, err := s.CreateNetworks(t.Context(), admin, []network.NetworkSpec{{Name: network.Some(kind), NetworkType: network.Some(kind)}})
		if offered && err != nil || !offered && (!errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "not supported")) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
