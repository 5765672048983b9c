package compute_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"wisp/internal/compute/computetest"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// What a node finds on its machine is with its network agent.
func TestFindingsReachTheAgent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		hello := nodeapi.Hello{
			Host: "node-9", Version: "1.2", Endpoint: netip.MustParseAddr("192.0.2.9"), Physical: []string{"public"}, Mappings: map[string]string{"public": "eth1"},
			StartedAt: time.Now(), BootedAt: time.Now().Add(-time.Hour),
		}
		if err := c.Hello(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
		agent := func() map[string]any {
			t.Helper()
			all, err := c.Network.Agents(t.Context(), computetest.Admin(), store.List{})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range all {
				_, has := a.Configurations.V["findings"]
				if a.AgentType != network.AgentDataplane && has {
					t.Errorf("the %s has findings", a.AgentType)
				}
				if a.Host == "node-9" && a.AgentType == network.AgentDataplane {
					return a.Configurations.V
				}
			}
			t.Fatal("no agent")
			return nil
		}
		first := agent()
		if got, _ := json.Marshal(first["bridge_mappings"]); string(got) != `{"public":"eth1"}` || len(first["findings"].([]any)) != 0 || first["tunneling_ip"] != "192.0.2.9" || first["version"] != "1.2" {
			t.Errorf("configurations %v", first)
		}
		report := func(findings []nodeapi.Finding) {
			t.Helper()
			if err := c.Report(t.Context(), "node-9", nodeapi.Report{Findings: findings}); err != nil {
				t.Fatal(err)
			}
		}
		report([]nodeapi.Finding{{Check: "disk", Level: "warn", Detail: "almost full", Breaks: "new instances", Mend: "df -h"}})
		report(nil)
		if got, _ := json.Marshal(agent()["findings"]); string(got) != `[{"breaks":"new instances","check":"disk","detail":"almost full","level":"warn","mend":"df -h"}]` {
			t.Errorf("findings %s", got)
		}
		if err := c.Hello(t.Context(), hello); err != nil { // it comes back
			t.Fatal(err)
		}
		if len(agent()["findings"].([]any)) != 1 {
			t.Error("the findings are lost when the node comes back")
		}
		report([]nodeapi.Finding{{Check: "disk", Level: "ok", Detail: "room"}})
		if got := agent()["findings"].([]any)[0].(map[string]any); got["level"] != "ok" {
			t.Errorf("findings %v", got)
		}
	})
}
