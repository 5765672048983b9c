package compute_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/qcow2"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// active makes a server that runs.
func (c *cloud) active(t testing.TB, name string) string {
	t.Helper()
	id := c.create(t, name).ID
	c.node.Step()
	c.want(t, id, "ACTIVE", "")
	return id
}

func TestPauseAndSuspend(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.active(t, "web")
		_, err := c.Unpause(t.Context(), c.member, id)
		wantKind(t, err, errs.Conflict, "Cannot 'unpause' instance "+id+" while it is in vm_state active")
		must(t)(c.Pause(t.Context(), c.member, id))
		c.want(t, id, "ACTIVE", compute.TaskPausing)
		_, err = c.Suspend(t.Context(), c.member, id)
		wantKind(t, err, errs.Conflict, "task_state pausing")
		c.node.Step()
		if paused := c.want(t, id, "PAUSED", ""); paused.PowerState != compute.PowerPaused {
			t.Fatalf("a paused server has the power state %d", paused.PowerState)
		}
		c.node.Step()
		c.want(t, id, "PAUSED", "")
		must(t)(c.Unpause(t.Context(), c.member, id))
		c.node.Step()
		c.want(t, id, "ACTIVE", "")

		must(t)(c.Suspend(t.Context(), c.member, id))
		c.node.Step()
		if asleep := c.want(t, id, "SUSPENDED", ""); asleep.PowerState != compute.PowerShutdown || asleep.Ports[0].Status != "DOWN" {
			t.Fatalf("a suspended server: power state %d, ports %+v", asleep.PowerState, asleep.Ports)
		}
		_, err = c.Pause(t.Context(), c.member, id)
		wantKind(t, err, errs.Conflict, "vm_state suspended")
		must(t)(c.Resume(t.Context(), c.member, id))
		c.node.Step()
		c.want(t, id, "ACTIVE", "")

		// What was in a paused machine's memory is lost with its host's power.
		must(t)(c.Pause(t.Context(), c.member, id))
		c.node.Step()
		report := nodeapi.Report{Instances: []nodeapi.InstanceStatus{{ID: id, Phase: nodeapi.PhaseStopped, BootGeneration: 1}}}
		if err := c.Report(t.Context(), "node-1", report); err != nil {
			t.Fatal(err)
		}
		if off := c.want(t, id, "SHUTOFF", ""); off.Power != nodeapi.PowerStopped {
			t.Fatalf("it should be %s", off.Power)
		}
	})
}

func TestRescue(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.active(t, "web")
		_, err := c.Rescue(t.Context(), c.member, id, uuid.NewString(), "")
		wantKind(t, err, errs.Invalid, "could not be found")
		_, err = c.Unrescue(t.Context(), c.member, id)
		wantKind(t, err, errs.Conflict, "vm_state active")
		other := c.Image(map[string]any{"hw_rescue_device": "disk"})
		pass, err := c.Rescue(t.Context(), c.member, id, other, "secret")
		if err != nil || pass != "secret" {
			t.Fatalf("rescued with %q, %v", pass, err)
		}
		c.want(t, id, "ACTIVE", compute.TaskRescuing)
		state, err := c.HostState(t.Context(), "node-1")
		if err != nil {
			t.Fatal(err)
		}
		if got := state.Instances[id]; got.Rescue == nil || got.Rescue.Image.ID != other || got.Rescue.Image.Properties["hw_rescue_device"] != "disk" || got.Image.ID != c.image {
			t.Fatalf("the host is asked for %+v", got)
		}
		body, _, err := c.OpenImage(t.Context(), "node-1", other)
		if err != nil {
			t.Fatal(err)
		}
		if err := body.Close(); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		c.want(t, id, "RESCUE", "")
		_, err = c.Rescue(t.Context(), c.member, id, "", "")
		wantKind(t, err, errs.Conflict, "vm_state rescued")
		must(t)(c.Unrescue(t.Context(), c.member, id))
		c.node.Step()
		c.want(t, id, "ACTIVE", "")

		// One that fails can be undone.
		c.node.Fail(id, "no such bus")
		if _, err := c.Rescue(t.Context(), c.member, id, "", ""); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		c.want(t, id, "ERROR", "")
		c.node.Heal(id)
		must(t)(c.Unrescue(t.Context(), c.member, id))
		c.node.Step()
		c.want(t, id, "ACTIVE", "")
	})
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.active(t, "web")
		_, err := c.Rebuild(t.Context(), c.member, id, compute.RebuildRequest{ImageID: uuid.NewString()})
		wantKind(t, err, errs.Invalid, "Cannot find image for rebuild")
		name, other := "renamed", c.Image(nil)
		pass, err := c.Rebuild(t.Context(), c.member, id, compute.RebuildRequest{ImageID: other, Name: &name, Metadata: map[string]string{"a": "b"}})
		if err != nil || pass == "" {
			t.Fatalf("rebuilt with %q, %v", pass, err)
		}
		c.want(t, id, "REBUILD", compute.TaskRebuilding)
		c.node.Step()
		server := c.want(t, id, "ACTIVE", "")
		if server.ImageID != other || server.Name != name || server.Metadata["a"] != "b" {
			t.Fatalf("rebuilt: %+v", server)
		}
		state, err := c.HostState(t.Context(), "node-1")
		if got := state.Instances[id]; err != nil || got.DiskGeneration != 1 || got.Image.ID != other {
			t.Fatalf("the host is asked for %+v, %v", got, err)
		}
		must(t)(c.Stop(t.Context(), c.member, id))
		c.node.Step()
		if _, err := c.Rebuild(t.Context(), c.member, id, compute.RebuildRequest{ImageID: c.image}); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		c.want(t, id, "SHUTOFF", "")
	})
}

// room tells what is claimed of the host.
func (c *cloud) room(t testing.TB) (vcpus, memory int64) {
	t.Helper()
	err := c.DB.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		candidates, err := c.Placement.Candidates(ctx, tx)
		for _, one := range candidates {
			vcpus += one.Used["VCPU"]
			memory += one.Used["MEMORY_MB"]
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return vcpus, memory
}

func TestResize(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		large, small := c.Flavor("large", 2, 1024, 2), c.Flavor("small", 1, 256, 0)
		huge, vast := c.Flavor("huge", 8, 15800, 2), c.Flavor("vast", 1, 1<<20, 2)
		id := c.active(t, "web")
		for flavor, want := range map[string]string{
			c.flavor: "When resizing, instances must change flavor!", "none": "could not be found", small: "zero disk", huge: "No valid host was found",
		} {
			_, err := c.ResizeServer(t.Context(), c.member, id, flavor, "")
			wantKind(t, err, errs.Invalid, want)
		}
		_, err := c.ResizeServer(t.Context(), c.member, id, vast, "")
		wantKind(t, err, errs.OverQuota, "Quota exceeded for ram")
		_, err = c.ConfirmResize(t.Context(), c.member, id)
		wantKind(t, err, errs.Conflict, "vm_state active")

		resize := func() {
			t.Helper()
			must(t)(c.ResizeServer(t.Context(), c.member, id, large, "MANUAL"))
			c.want(t, id, "RESIZE", compute.TaskResizing)
			c.node.Step()
			if v, m := c.room(t); v != 3 || m != 1536 {
				t.Fatalf("%d processors and %d MiB are claimed, want those of both flavors", v, m)
			}
		}
		resize()
		c.want(t, id, "VERIFY_RESIZE", "")
		must(t)(c.RevertResize(t.Context(), c.member, id))
		c.want(t, id, "REVERT_RESIZE", compute.TaskReverting)
		c.node.Step()
		if back := c.want(t, id, "ACTIVE", ""); back.FlavorID != c.flavor || back.MemoryMiB != 512 || back.Size.RootGiB != 1 {
			t.Fatalf("reverted: %+v", back)
		}
		if v, m := c.room(t); v != 1 || m != 512 {
			t.Fatalf("%d processors and %d MiB are claimed", v, m)
		}
		must(t)(c.Stop(t.Context(), c.member, id))
		c.node.Step()
		resize()
		c.want(t, id, "VERIFY_RESIZE", "")
		must(t)(c.ConfirmResize(t.Context(), c.member, id))
		if off := c.want(t, id, "SHUTOFF", ""); off.FlavorID != large || off.DiskConfig != "MANUAL" {
			t.Fatalf("confirmed: %+v", off)
		}
		if v, m := c.room(t); v != 2 || m != 1024 {
			t.Fatalf("%d processors and %d MiB are claimed", v, m)
		}
		// A disk does not shrink: the action fails, and the server stays.
		must(t)(c.ResizeServer(t.Context(), c.member, id, c.flavor, ""))
		c.want(t, id, "SHUTOFF", "")
		actions, err := c.ListActions(t.Context(), c.member, id, compute.ActionFilter{})
		if err != nil || actions[0].Message == nil || *actions[0].Message != "Error" {
			t.Fatalf("the last action is %+v, %v", actions[0], err)
		}
		must(t)(c.Start(t.Context(), c.member, id))
		c.node.Step()
		must(t)(c.ResizeServer(t.Context(), c.member, id, c.Flavor("larger", 1, 600, 3), ""))
		c.node.Step()
		if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		if v, m := c.room(t); v != 0 || m != 0 {
			t.Fatalf("%d processors and %d MiB are claimed by a server that is deleted", v, m)
		}
		migrations, err := c.ListMigrations(t.Context(), compute.MigrationFilter{ServerID: id, Kind: compute.MigrationResize})
		if err != nil {
			t.Fatal(err)
		}
		var ended []string // the newest first
		for _, m := range migrations {
			ended = append(ended, m.Status)
		}
		if want := []string{compute.MigrationConfirmed, compute.MigrationConfirmed, compute.MigrationReverted}; !slices.Equal(ended, want) {
			t.Errorf("resizes ended %v, want %v", ended, want)
		}
	})
}

func (c *cloud) imageOf(t testing.TB, id string) image.Image {
	t.Helper()
	img, err := c.Images.Get(t.Context(), computetest.Admin(), id)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func (c *cloud) noImage(t testing.TB, id string) {
	t.Helper()
	if err := c.SweepImages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Images.Get(t.Context(), computetest.Admin(), id); !errs.Is(err, errs.NotFound) {
		t.Fatalf("image %s is there: %v", id, err)
	}
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.active(t, "web")
		request := compute.SnapshotRequest{Name: "copy", Metadata: map[string]string{"mine": "yes", "image_type": "test"}}
		made, err := c.SnapshotServer(t.Context(), c.member, id, request)
		if err != nil {
			t.Fatal(err)
		}
		c.want(t, id, "ACTIVE", compute.TaskSnapshot)
		_, err = c.SnapshotServer(t.Context(), c.member, id, request)
		wantKind(t, err, errs.Conflict, "Cannot 'createImage' instance "+id+" while it is in task_state image_snapshot")
		if err := c.SaveImage(t.Context(), "node-2", made, strings.NewReader(""), 0); !errs.Is(err, errs.NotFound) {
			t.Fatalf("another host has saved it: %v", err)
		}
		c.node.Step()
		c.want(t, id, "ACTIVE", "")
		img := c.imageOf(t, made)
		if img.Status != image.Active || img.Owner != c.member.ProjectID || img.Properties["instance_uuid"] != id || img.Properties["mine"] != "yes" ||
			img.Properties["image_type"] != "test" || img.Properties["base_image_ref"] != c.image {
			t.Fatalf("the image is %+v", img)
		}
		// An image that its owner deletes meanwhile is not wanted any more.
		gone, err := c.SnapshotServer(t.Context(), c.member, id, request)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Images.Delete(t.Context(), c.member, gone); err != nil {
			t.Fatal(err)
		}
		if err := c.SaveImage(t.Context(), "node-1", gone, strings.NewReader("x"), 1); !errs.Is(err, errs.NotFound) {
			t.Fatalf("a deleted image was saved: %v", err)
		}
		c.want(t, id, "ACTIVE", "")
		// One that the host cannot make is taken back.
		c.node.FailSnapshots("the disk is full")
		failed, err := c.SnapshotServer(t.Context(), c.member, id, request)
		if err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		c.want(t, id, "ACTIVE", "")
		c.noImage(t, failed)
		if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
			t.Fatal(err)
		}
		_, err = c.SnapshotServer(t.Context(), c.member, id, request)
		wantKind(t, err, errs.Conflict, "deleting")
	})
}

func TestSnapshotOfOthersData(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	id := c.active(t, "web")
	made, err := c.SnapshotServer(t.Context(), c.member, id, compute.SnapshotRequest{Name: "copy"})
	if err != nil {
		t.Fatal(err)
	}
	// An upload that is on its way is waited for; one that is done stays.
	reader, writer := io.Pipe()
	uploaded := make(chan error, 1)
	content := qcow2File(t)
	go func() { uploaded <- c.Images.Upload(context.Background(), c.member, made, reader, -1) }()
	if _, err := writer.Write(content[:512]); err != nil {
		t.Fatal(err)
	}
	if err := c.SaveImage(t.Context(), "node-1", made, bytes.NewReader(content), -1); err == nil || errs.Is(err, errs.NotFound) {
		t.Fatalf("beside another upload: %v", err)
	}
	if _, err := writer.Write(content[512:]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writer.Close(), <-uploaded); err != nil {
		t.Fatal(err)
	}
	if err := c.SaveImage(t.Context(), "node-1", made, bytes.NewReader(content), -1); !errs.Is(err, errs.NotFound) {
		t.Fatalf("after another upload: %v", err)
	}
	if err := c.SweepImages(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.imageOf(t, made)
	c.want(t, id, "ACTIVE", "")
}

func qcow2File(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := qcow2.Create(path, 1<<20); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// A lost host keeps no image from being given up, and no shelved server.
func TestLostHostOfImages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		first, second := c.active(t, "web"), c.active(t, "db")
		if err := c.Shelve(t.Context(), c.member, first); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		c.want(t, first, "SHELVED", compute.TaskOffloading)
		made, err := c.SnapshotServer(t.Context(), c.member, second, compute.SnapshotRequest{Name: "copy"})
		if err != nil {
			t.Fatal(err)
		}
		c.HostGone(t.Context(), "node-1", c.node.Session)
		c.Clock.Advance(2 * time.Minute)
		if err := c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.want(t, first, "SHELVED_OFFLOADED", "")
		c.want(t, second, "ACTIVE", "")
		c.noImage(t, made)
	})
}

func TestBackups(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.active(t, "web")
		backup := func(kind string, rotation int64) string {
			t.Helper()
			made, err := c.SnapshotServer(t.Context(), c.member, id, compute.SnapshotRequest{Name: kind, Backup: true, BackupType: kind, Rotation: rotation})
			if err != nil {
				t.Fatal(err)
			}
			c.want(t, id, "ACTIVE", compute.TaskBackup)
			c.node.Step()
			c.want(t, id, "ACTIVE", "")
			return made
		}
		first, weekly := backup("daily", 2), backup("weekly", 2)
		second, third := backup("daily", 2), backup("daily", 2)
		c.noImage(t, first)
		for _, kept := range []string{weekly, second, third} {
			c.imageOf(t, kept)
		}
		c.noImage(t, backup("daily", 0))
		c.noImage(t, second)
		c.imageOf(t, weekly)
	})
}

func TestShelve(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.active(t, "web")
		_, err := c.Unshelve(t.Context(), c.member, id, nil, "")
		wantKind(t, err, errs.Conflict, "vm_state active")
		shelve := func() image.Image {
			t.Helper()
			if err := c.Shelve(t.Context(), c.member, id); err != nil {
				t.Fatal(err)
			}
			c.want(t, id, "ACTIVE", compute.TaskShelving)
			c.node.Step() // off, and the image is sent
			c.want(t, id, "SHELVED", compute.TaskOffloading)
			c.node.Step()
			away := c.want(t, id, "SHELVED_OFFLOADED", "")
			if away.Host != "" || len(away.Ports) != 1 || away.Ports[0].Status != "DOWN" || c.node.Machines() != 0 {
				t.Fatalf("shelved: host %q, ports %+v, %d machines", away.Host, away.Ports, c.node.Machines())
			}
			if v, _ := c.room(t); v != 0 {
				t.Fatalf("a shelved server holds %d processors", v)
			}
			found, err := c.Images.List(t.Context(), c.member, image.Query{Filters: map[string]string{"name": "web-shelved"}, Limit: 10})
			if err != nil || len(found) != 1 {
				t.Fatalf("%d images, %v", len(found), err)
			}
			return found[0]
		}
		img := shelve()
		err = c.Shelve(t.Context(), c.member, id)
		wantKind(t, err, errs.Conflict, "Cannot 'shelve' instance "+id+" while it is in vm_state shelved_offloaded")
		_, err = c.Unshelve(t.Context(), computetest.Admin(), id, nil, "nowhere")
		wantKind(t, err, errs.NotFound, "nowhere")
		must(t)(c.Unshelve(t.Context(), c.member, id, nil, ""))
		c.node.Step()
		back := c.want(t, id, "ACTIVE", "")
		if back.Host != "node-1" || back.ImageID != c.image || back.Image.ID != img.ID || back.Ports[0].Status != "ACTIVE" {
			t.Fatalf("unshelved: %+v", back)
		}
		c.noImage(t, img.ID)

		// It is deleted with what it was shelved in.
		img = shelve()
		if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
			t.Fatal(err)
		}
		c.want(t, id, "DELETED", "")
		c.noImage(t, img.ID)
	})
}

func TestShelveThatFailsAndThatStays(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t), func(config *compute.Config) { config.KeepShelved = -1 })
	id := c.active(t, "web")
	c.node.FailSnapshots("no")
	if err := c.Shelve(t.Context(), c.member, id); err != nil {
		t.Fatal(err)
	}
	c.node.Step()
	c.want(t, id, "SHUTOFF", "")
	c.node.FailSnapshots("")
	if err := c.Shelve(t.Context(), c.member, id); err != nil {
		t.Fatal(err)
	}
	c.node.Step()
	c.want(t, id, "SHELVED", "")
	c.node.Step()
	c.want(t, id, "SHELVED", "")
	must(t)(c.Unshelve(t.Context(), c.member, id, nil, ""))
	c.node.Step()
	c.want(t, id, "ACTIVE", "")
	if err := c.Shelve(t.Context(), c.member, id); err != nil {
		t.Fatal(err)
	}
	c.node.Step()
	must(t)(c.ShelveOffload(t.Context(), computetest.Admin(), id))
	c.want(t, id, "SHELVED", compute.TaskOffloading)
	c.node.Step()
	c.want(t, id, "SHELVED_OFFLOADED", "")
	// Where there is no room, it stays there.
	c.Clock.Advance(3600e9)
	must(t)(c.Unshelve(t.Context(), c.member, id, nil, ""))
	c.want(t, id, "SHELVED_OFFLOADED", "")
}

func TestInterfaces(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.active(t, "web")
		port, err := c.AttachInterface(t.Context(), c.member, id, network.PortRequest{})
		if err != nil || port.NetworkID != c.network || port.Status != "ACTIVE" || port.Order != 1 {
			t.Fatalf("attached %+v, %v", port, err)
		}
		second := c.Subnetwork(c.member, "second", "10.2.0.0/24")
		_, err = c.AttachInterface(t.Context(), c.member, id, network.PortRequest{})
		wantKind(t, err, errs.Invalid, "Multiple possible networks found")
		other, err := c.AttachInterface(t.Context(), c.member, id, network.PortRequest{NetworkID: second})
		if err != nil || other.NetworkID != second {
			t.Fatalf("attached %+v, %v", other, err)
		}
		_, err = c.AttachInterface(t.Context(), c.member, id, network.PortRequest{PortID: uuid.NewString()})
		wantKind(t, err, errs.NotFound, "")
		if server := c.get(t, id); len(server.Ports) != 3 || server.Ports[2].PortID != other.PortID {
			t.Fatalf("the ports are %+v", server.Ports)
		}
		if err := c.DetachInterface(t.Context(), c.member, id, port.PortID); err != nil {
			t.Fatal(err)
		}
		if server := c.get(t, id); len(server.Ports) != 2 {
			t.Fatalf("the ports are %+v", server.Ports)
		}
		err = c.DetachInterface(t.Context(), c.member, id, port.PortID)
		wantKind(t, err, errs.NotFound, "could not be found")
		must(t)(c.Suspend(t.Context(), c.member, id))
		c.node.Step()
		_, err = c.AttachInterface(t.Context(), c.member, id, network.PortRequest{NetworkID: second})
		wantKind(t, err, errs.Conflict, "vm_state suspended")
	})
}
