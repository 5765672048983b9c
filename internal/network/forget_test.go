package network_test

import (
	"context"
	"testing"

	"wisp/internal/network"
	"wisp/internal/store"
)

func TestForgetHost(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		err := f.tx(func(ctx context.Context, tx *store.Tx) error {
			for _, host := range []string{"host-1", "host-2"} {
				if err := f.AgentHeartbeat(ctx, tx, host, network.AgentInfo{Version: "1"}); err != nil {
					return err
				}
			}
			if err := f.EnableGateways(ctx, tx, "host-2", false); err != nil {
				return err
			}
			return f.ForgetHost(ctx, tx, "host-1")
		})
		if err != nil {
			t.Fatal(err)
		}
		agents, err := f.Agents(t.Context(), f.admin, store.List{})
		if err != nil {
			t.Fatal(err)
		}
		if len(agents) == 0 {
			t.Error("the other host's agents are gone too")
		}
		for _, a := range agents {
			if a.Host != "host-2" || a.AdminStateUp != (a.AgentType != network.AgentL3) {
				t.Errorf("%s of %s: enabled %t", a.AgentType, a.Host, a.AdminStateUp)
			}
		}
	})
}
