package compute_test

import (
	"testing"

	"wisp/internal/errs"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// A node fetches what its own servers boot from, and no image besides.
func TestImagesOfAnotherHostsServers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		server := c.create(t, "one")
		foreign := c.Image(map[string]any{"name": "foreign"})
		c.Node("node-2", 1, 1024, 10)
		fetch := func(host, id string) error {
			body, _, err := c.OpenImage(t.Context(), host, id)
			if err == nil {
				err = body.Close()
			}
			return err
		}
		if err := fetch(server.Host, server.ImageID); err != nil {
			t.Errorf("the host of the server: %v", err)
		}
		wantKind(t, fetch("node-2", server.ImageID), errs.NotFound, server.ImageID)
		wantKind(t, fetch(server.Host, foreign), errs.NotFound, foreign)
		wantKind(t, fetch("mars", server.ImageID), errs.NotFound, "mars")
		if err := fetch("", foreign); err != nil {
			t.Errorf("the server's own node: %v", err)
		}
		if err := c.DeleteServer(t.Context(), c.member, server.ID); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		wantKind(t, fetch(server.Host, server.ImageID), errs.NotFound, server.ImageID)
	})
}
