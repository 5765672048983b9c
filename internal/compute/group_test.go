package compute_test

import (
	"fmt"
	"testing"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func TestGroupPolicies(t *testing.T) {
	t.Parallel()
	cases := []struct {
		policy  string
		perHost int64
		want    map[int]int // hosts by number of servers, of three servers
		failed  int
	}{
		{compute.Affinity, 0, map[int]int{3: 1}, 0},
		{compute.AntiAffinity, 0, map[int]int{1: 2}, 1},
		{compute.AntiAffinity, 2, map[int]int{2: 1, 1: 1}, 0},
		{compute.SoftAffinity, 0, map[int]int{3: 1}, 0},
		{compute.SoftAntiAffinity, 0, map[int]int{2: 1, 1: 1}, 0},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.policy, c.perHost), func(t *testing.T) {
			t.Parallel()
			cloud := newCloud(t, storetest.SQLite(t))
			cloud.Node("node-2", 8, 16384, 100)
			group, err := cloud.CreateGroup(t.Context(), cloud.member, compute.Group{Name: "g", Policy: c.policy, PerHost: c.perHost})
			if err != nil {
				t.Fatal(err)
			}
			request := compute.CreateRequest{Name: "s", ImageID: cloud.image, FlavorID: cloud.flavor, NetworkAuto: network.NetworkNone, GroupID: group.ID, Least: 3}
			made, err := cloud.CreateServers(t.Context(), cloud.member, request)
			if err != nil {
				t.Fatal(err)
			}
			perHost, failed := map[string]int{}, 0
			for _, s := range made.Servers {
				if s.Host == "" {
					failed++
					continue
				}
				perHost[s.Host]++
			}
			got := map[int]int{}
			for _, n := range perHost {
				got[n]++
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) || failed != c.failed {
				t.Errorf("servers by host %v, %d failed; want %v, %d", perHost, failed, c.want, c.failed)
			}
			request.Least = 8
			_, err = cloud.CreateServers(t.Context(), cloud.member, request)
			if err == nil || !errs.Is(err, errs.OverQuota) {
				t.Errorf("eight more in a group of ten at most: %v", err)
			}
			// Each user has the limit, as in Nova.
			if _, err := cloud.SetLimits(t.Context(), cloud.member.ProjectID, map[string]int64{compute.QuotaInstances: 20, compute.QuotaGroupMembers: 3}, true); err != nil {
				t.Fatal(err)
			}
			request.Least, request.Most = 1, 1
			if _, err = cloud.CreateServers(t.Context(), cloud.member, request); !errs.Is(err, errs.OverQuota) {
				t.Errorf("one more in a group of three at most: %v", err)
			}
			if _, err = cloud.CreateServers(t.Context(), computetest.Caller("colleague", "demo"), request); err != nil {
				t.Errorf("another user's first: %v", err)
			}
		})
	}
}

func TestGroupQuota(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := computetest.New(t, db, func(config *compute.Config) {
			config.Quotas = map[string]int64{compute.QuotaGroups: 1, compute.QuotaKeypairs: 1}
		})
		member := computetest.Caller("member", "demo")
		group, err := c.CreateGroup(t.Context(), member, compute.Group{Name: "g", Policy: compute.Affinity})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.CreateGroup(t.Context(), member, compute.Group{Name: "h", Policy: compute.Affinity})
		wantKind(t, err, errs.OverQuota, "too many server groups")
		wantKind(t, c.DeleteGroup(t.Context(), computetest.Caller("other", "foreign"), group.ID), errs.NotFound, "could not be found")
		key := compute.Keypair{Name: "a", Type: compute.KeypairSSH, UserID: member.UserID}
		if _, err := c.CreateKeypair(t.Context(), member, key); err != nil {
			t.Fatal(err)
		}
		key.Name = "b"
		_, err = c.CreateKeypair(t.Context(), member, key)
		wantKind(t, err, errs.OverQuota, "too many key pairs")
	})
}

func TestKeypairFormats(t *testing.T) {
	t.Parallel()
	c := computetest.New(t, storetest.SQLite(t))
	member := computetest.Caller("member", "demo")
	ed := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	certificate := `-----BEGIN CERTIFICATE-----
MIIBtTCCAVugAwIBAgIUZ0000000000000000000000000000000000wCgYIKoZI
-----END CERTIFICATE-----`
	cases := []struct{ name, kind, key, refused string }{
		{"ed25519", compute.KeypairSSH, ed + " me@here", ""},
		{"without comment", compute.KeypairSSH, ed, ""},
		{"two keys", compute.KeypairSSH, ed + "\n" + ed, "one public key"},
		{"options", compute.KeypairSSH, `command="rm -rf /" ` + ed, "without options"},
		{"nonsense", compute.KeypairSSH, "hello", "failed to generate fingerprint"},
		{"no certificate", compute.KeypairX509, ed, "PEM"},
		{"broken certificate", compute.KeypairX509, certificate, "X509 fingerprint"},
	}
	for i, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			pair, err := c.CreateKeypair(t.Context(), member, compute.Keypair{Name: fmt.Sprint("k", i), Type: one.kind, PublicKey: one.key, UserID: member.UserID})
			if one.refused != "" {
				wantKind(t, err, errs.Invalid, one.refused)
				return
			}
			if err != nil || len(pair.Fingerprint) != 47 || pair.PrivateKey != "" {
				t.Errorf("imported %+v: %v", pair, err)
			}
		})
	}
}
