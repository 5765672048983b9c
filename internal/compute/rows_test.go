package compute_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/network"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// A list shows of servers what a look at each shows, but for secrets.
func TestListRows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		text := "some text"
		for _, request := range []compute.CreateRequest{
			{Name: "plain"},
			{Name: "full", Description: &text, UserData: &text, Metadata: map[string]string{"a": "b", "ü": `"`}, Tags: []string{"x", "y"}, ConfigDrive: true, AccessIPv4: "192.0.2.1"},
			{Name: "without an address", NetworkAuto: network.NetworkNone},
		} {
			request.ImageID, request.FlavorID = c.image, c.flavor
			if _, err := c.CreateServers(t.Context(), c.member, request); err != nil {
				t.Fatal(err)
			}
		}
		failed := c.create(t, "failed")
		c.node.Fail(failed.ID, "no")
		c.node.Step()
		c.node.Step()
		load := compute.Load{Ports: true, Tags: true, HostStatus: true, Data: true}
		list, err := c.ListServers(t.Context(), c.member, compute.ServerFilter{}, load)
		if err != nil || len(list) != 4 {
			t.Fatalf("%d servers, %v", len(list), err)
		}
		for _, listed := range list {
			shown, err := c.GetServer(t.Context(), c.member, listed.ID, load)
			if err != nil {
				t.Fatal(err)
			}
			shown.AdminPass, shown.KeyPair = "", nil
			for _, at := range []*time.Time{&listed.CreatedAt, &shown.CreatedAt, &listed.UpdatedAt, &shown.UpdatedAt, &listed.LaunchedAt, &shown.LaunchedAt} {
				*at = at.UTC()
			}
			if !reflect.DeepEqual(listed, shown) {
				t.Errorf("%s is listed as\n%+v, shown as\n%+v", listed.Name, listed, shown)
			}
		}
	})
}

// A row that cannot be read fails the list.
func TestListBrokenRows(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"flavor", "image", "metadata", "fault", "created_at"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, storetest.SQLite(t))
			c.create(t, "one")
			if err := c.DB.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.ExecContext(ctx, "UPDATE servers SET "+column+" = '{'")
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if list, err := c.ListServers(t.Context(), computetest.Admin(), compute.ServerFilter{AllProjects: true}, compute.Load{Data: true}); err == nil {
				t.Errorf("listed %+v", list)
			}
		})
	}
}
