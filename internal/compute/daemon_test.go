package compute_test

import (
	"context"
	"errors"
	"testing"

	"wisp/internal/compute"
	"wisp/internal/store/storetest"
)

func TestDaemons(t *testing.T) {
	t.Parallel()
	names, broken := []string{"server-1", "server-2"}, error(nil)
	c := newCloud(t, storetest.SQLite(t), func(config *compute.Config) {
		config.Servers = func(context.Context) ([]string, error) { return names, broken }
	})
	list, err := c.ListDaemons(t.Context())
	if err != nil || len(list) != 5 || list[0] != (compute.Daemon{Host: "server-1", Binary: "nova-conductor", Zone: "internal"}) || list[4].Binary != compute.Binary {
		t.Errorf("daemons are %v (%v)", list, err)
	}
	broken = errors.New("the database is away")
	if _, err := c.ListDaemons(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
