package image_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/policy"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func caller(project string, roles ...string) *policy.Caller {
	return &policy.Caller{UserID: project + "-user", ProjectID: project, Roles: roles}
}

var (
	admin  = caller("admin", "admin", "manager", "member", "reader")
	member = caller("demo", "member", "reader")
	reader = caller("demo", "reader")
	other  = caller("foreign", "member", "reader")
)

type fixture struct {
	*image.Service
	t   *testing.T
	db  *store.DB
	dir string
	s3  *fakeS3 // nil: the data are in dir
}

// each runs a test on both engines with a folder, and with an S3 store.
func each(t *testing.T, options image.Options, test func(t *testing.T, f *fixture)) {
	folders(t, options, test)
	t.Run("s3", func(t *testing.T) {
		t.Parallel()
		f := &fixture{t: t, db: storetest.SQLite(t), s3: newFakeS3(t)}
		f.Service = f.open(options)
		test(t, f)
	})
}

// folders runs a test on both engines with a folder: it looks at the files.
func folders(t *testing.T, options image.Options, test func(t *testing.T, f *fixture)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := &fixture{t: t, db: db, dir: t.TempDir()}
		f.Service = f.open(options)
		test(t, f)
	})
}

// open makes another server on the same database and store.
func (f *fixture) open(options image.Options) *image.Service {
	f.t.Helper()
	location := f.dir
	if f.s3 != nil {
		location = f.s3.location
	}
	blobs, err := image.OpenStore(f.t.Context(), location)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := blobs.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return f.with(blobs, options)
}

func (f *fixture) with(blobs *image.Blobs, options image.Options) *image.Service {
	return image.New(f.db, blobs, slog.New(slog.DiscardHandler), options)
}

// files lists what is in the store: segments count as the blob that they are of.
func (f *fixture) files() []string {
	f.t.Helper()
	if f.s3 != nil {
		return f.s3.blobs()
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (f *fixture) create(c *policy.Caller, attributes map[string]any) image.Image {
	f.t.Helper()
	all := map[string]any{"name": "i", "disk_format": "raw", "container_format": "bare"}
	maps.Copy(all, attributes)
	i, err := f.Create(f.t.Context(), c, all)
	if err != nil {
		f.t.Fatal(err)
	}
	return i
}

func (f *fixture) active(c *policy.Caller, data string) image.Image {
	f.t.Helper()
	i := f.create(c, nil)
	if err := f.Upload(f.t.Context(), c, i.ID, strings.NewReader(data), int64(len(data))); err != nil {
		f.t.Fatal(err)
	}
	return f.get(i.ID)
}

func (f *fixture) get(id string) image.Image {
	f.t.Helper()
	i, err := f.Get(context.Background(), admin, id)
	if err != nil {
		f.t.Fatal(err)
	}
	return i
}

func kind(t *testing.T, what string, err error, want errs.Kind) {
	t.Helper()
	if !errs.Is(err, want) {
		t.Errorf("%s: error %v, want kind %v", what, err, want)
	}
}

// wait polls until the condition holds.
func wait(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

func TestUpdate(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.create(member, map[string]any{"hw_disk_bus": "virtio", "tags": []any{"b", "a", "b"}})
		if diff := cmp.Diff([]string{"a", "b"}, i.Tags); diff != "" {
			t.Error(diff)
		}
		kernel := uuid.NewString()
		got, err := f.Update(t.Context(), member, i.ID, []image.Change{
			{Op: "add", Name: "kernel_id", Value: kernel}, {Op: "replace", Name: "hw_disk_bus", Value: "scsi"}, {Op: "replace", Name: "name", Value: "new"},
			{Op: "add", Name: "gone", Value: "x"}, {Op: "remove", Name: "gone"}, {Op: "replace", Name: "min_disk", Value: 3.0}, {Op: "replace", Name: "tags", Value: []any{"z"}},
			{Op: "replace", Name: "protected", Value: true}, {Op: "replace", Name: "os_hidden", Value: true}, {Op: "replace", Name: "min_ram", Value: 64.0},
		})
		if err != nil {
			t.Fatal(err)
		}
		again := f.get(i.ID)
		for _, i := range []image.Image{got, again} {
			if diff := cmp.Diff([]any{"new", map[string]string{"hw_disk_bus": "scsi", "kernel_id": kernel}, []string{"z"}, int64(3), int64(64), true, true},
				[]any{i.Name, i.Properties, i.Tags, i.MinDisk, i.MinRAM, i.Protected, i.Hidden}); diff != "" {
				t.Error(diff)
			}
		}
		kind(t, "delete what is protected", f.Delete(t.Context(), member, i.ID), errs.Forbidden)
		for _, tt := range []struct {
			what string
			ch   image.Change
			kind errs.Kind
		}{
			{"missing property replaced", image.Change{Op: "replace", Name: "none", Value: "x"}, errs.Conflict},
			{"missing property removed", image.Change{Op: "remove", Name: "none"}, errs.Conflict},
			{"present property added strictly", image.Change{Op: "add", Name: "hw_disk_bus", Value: "x", Strict: true}, errs.Conflict},
			{"base attribute removed", image.Change{Op: "remove", Name: "name"}, errs.Forbidden},
			{"name of another type", image.Change{Op: "replace", Name: "name", Value: 1.0}, errs.Invalid},
			{"name too long", image.Change{Op: "replace", Name: "name", Value: strings.Repeat("x", 256)}, errs.Invalid},
			{"negative min_disk", image.Change{Op: "replace", Name: "min_disk", Value: -1.0}, errs.Invalid},
			{"huge min_ram", image.Change{Op: "replace", Name: "min_ram", Value: 1e12}, errs.Invalid},
			{"part of a min_ram", image.Change{Op: "replace", Name: "min_ram", Value: 1.5}, errs.Invalid},
			{"word as min_ram", image.Change{Op: "replace", Name: "min_ram", Value: "1"}, errs.Invalid},
			{"word as flag", image.Change{Op: "replace", Name: "protected", Value: "False"}, errs.Invalid},
			{"unknown visibility", image.Change{Op: "replace", Name: "visibility", Value: "all"}, errs.Invalid},
			{"unknown disk format", image.Change{Op: "replace", Name: "disk_format", Value: "floppy"}, errs.Invalid},
			{"kernel of no uuid", image.Change{Op: "replace", Name: "kernel_id", Value: "x"}, errs.Invalid},
			{"property of another type", image.Change{Op: "add", Name: "x", Value: 1.0}, errs.Invalid},
			{"property without a name", image.Change{Op: "add", Name: "", Value: "x"}, errs.Invalid},
			{"name of a property too long", image.Change{Op: "add", Name: strings.Repeat("x", 256), Value: "x"}, errs.Invalid},
			{"null character", image.Change{Op: "add", Name: "x", Value: "\x00"}, errs.Invalid},
			{"tags of another type", image.Change{Op: "replace", Name: "tags", Value: "x"}, errs.Invalid},
			{"tag of another type", image.Change{Op: "replace", Name: "tags", Value: []any{1.0}}, errs.Invalid},
			{"public", image.Change{Op: "replace", Name: "visibility", Value: "public"}, errs.Forbidden},
		} {
			_, err := f.Update(t.Context(), member, i.ID, []image.Change{{Op: "replace", Name: "name", Value: "half"}, tt.ch})
			kind(t, tt.what, err, tt.kind)
		}
		if name := f.get(i.ID).Name; name != "new" {
			t.Errorf("half of a refused patch was applied: %s", name)
		}
		var many []image.Change
		for n := range image.MaxProperties {
			many = append(many, image.Change{Op: "add", Name: fmt.Sprint("p", n), Value: "x"})
		}
		_, err = f.Update(t.Context(), member, i.ID, many)
		kind(t, "too many properties", err, errs.TooLarge)
		_, err = f.Update(t.Context(), member, i.ID, []image.Change{{Op: "replace", Name: "kernel_id", Value: nil}})
		if err != nil || f.get(i.ID).Properties["kernel_id"] != "" {
			t.Errorf("kernel set to nothing: %v", err)
		}
		_, err = f.Update(t.Context(), reader, i.ID, []image.Change{{Op: "replace", Name: "name", Value: "x"}})
		kind(t, "reader's", err, errs.Forbidden)
		_, err = f.Update(t.Context(), other, i.ID, []image.Change{{Op: "replace", Name: "name", Value: "x"}})
		kind(t, "stranger's", err, errs.NotFound)
	})
}

func TestVisibility(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		ids := map[string]string{}
		for _, v := range image.Visibilities {
			ids[v] = f.create(admin, map[string]any{"visibility": v, "owner": "demo", "name": v}).ID
		}
		ids["joined"] = f.create(member, map[string]any{"name": "joined"}).ID
		if _, err := f.AddMember(t.Context(), member, ids["joined"], "foreign"); err != nil {
			t.Fatal(err)
		}
		list := func(c *policy.Caller, q image.Query) string {
			t.Helper()
			q.Limit = 100
			q.Sort = []store.Order{{Key: "name"}}
			found, err := f.List(t.Context(), c, q)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, i := range found {
				names = append(names, i.Name)
			}
			return strings.Join(names, " ")
		}
		seen := func(visibility, status string) image.Query {
			q := image.Query{MemberStatus: status}
			if visibility != "" {
				q.Filters = map[string]string{"visibility": visibility}
			}
			return q
		}
		check := func(c *policy.Caller, q image.Query, want string) {
			t.Helper()
			if got := list(c, q); got != want {
				t.Errorf("%s sees %q, want %q", c.ProjectID, got, want)
			}
		}
		check(member, seen("", ""), "community joined private public shared")
		check(other, seen("", ""), "public")
		check(other, seen("all", ""), "community public")
		check(other, seen("community", ""), "community")
		check(other, seen("", "pending"), "joined public")
		check(other, seen("shared", "all"), "joined")
		check(admin, seen("", ""), "joined private public shared")
		for name, id := range ids {
			_, err := f.Get(t.Context(), other, id)
			if want := name == image.Private || name == image.Shared; errs.Is(err, errs.NotFound) != want {
				t.Errorf("%s for another: %v", name, err)
			}
		}
		if _, err := f.Get(t.Context(), nil, ids["public"]); !errs.Is(err, errs.NotFound) {
			t.Errorf("for nobody: %v", err)
		}
		kind(t, "delete another's public one", f.Delete(t.Context(), other, ids["public"]), errs.Forbidden)
		kind(t, "delete another's private one", f.Delete(t.Context(), other, ids["private"]), errs.NotFound)
		kind(t, "delete as reader", f.Delete(t.Context(), reader, ids["private"]), errs.Forbidden)
		_, err := f.Create(t.Context(), member, map[string]any{"visibility": "public"})
		kind(t, "create as public", err, errs.Forbidden)
		_, err = f.Create(t.Context(), reader, map[string]any{})
		kind(t, "create as reader", err, errs.Forbidden)
	})
}

func TestMembers(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		i, private := f.create(member, nil), f.create(member, map[string]any{"visibility": "private"})
		public := f.create(admin, map[string]any{"visibility": "public"})
		if _, err := f.AddMember(ctx, member, i.ID, "foreign"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.AddMember(ctx, member, i.ID, "third"); err != nil {
			t.Fatal(err)
		}
		call := func(_ any, err error) error { return err }
		for _, tt := range []struct {
			what string
			err  error
			kind errs.Kind
		}{
			{"add twice", call(f.AddMember(ctx, member, i.ID, "foreign")), errs.Conflict},
			{"add nobody", call(f.AddMember(ctx, member, i.ID, "")), errs.Invalid},
			{"add to a private one", call(f.AddMember(ctx, member, private.ID, "foreign")), errs.Forbidden},
			{"add as member of it", call(f.AddMember(ctx, other, i.ID, "me-too")), errs.Forbidden},
			{"add to another's", call(f.AddMember(ctx, other, private.ID, "foreign")), errs.NotFound},
			{"list of a public one", call(f.Members(ctx, other, public.ID)), errs.Forbidden},
			{"show in a public one", call(f.Member(ctx, other, public.ID, "x")), errs.NotFound},
			{"show of nobody", call(f.Member(ctx, member, i.ID, "x")), errs.NotFound},
			{"show of another by a member", call(f.Member(ctx, other, i.ID, "third")), errs.NotFound},
			{"answer by the owner", call(f.SetMemberStatus(ctx, member, i.ID, "foreign", "accepted")), errs.Forbidden},
			{"answer for another", call(f.SetMemberStatus(ctx, other, i.ID, "third", "accepted")), errs.NotFound},
			{"answer of nonsense", call(f.SetMemberStatus(ctx, other, i.ID, "foreign", "maybe")), errs.Invalid},
			{"answer of nobody", call(f.SetMemberStatus(ctx, admin, i.ID, "x", "accepted")), errs.NotFound},
			{"removed by a member", f.RemoveMember(ctx, other, i.ID, "foreign"), errs.Forbidden},
			{"removal of nobody", f.RemoveMember(ctx, member, i.ID, "x"), errs.NotFound},
		} {
			kind(t, tt.what, tt.err, tt.kind)
		}
		if m, err := f.SetMemberStatus(ctx, other, i.ID, "foreign", "accepted"); err != nil || m.Status != "accepted" {
			t.Errorf("answer: %+v, %v", m, err)
		}
		for c, want := range map[*policy.Caller]int{member: 2, other: 1, admin: 2} {
			if members, err := f.Members(ctx, c, i.ID); err != nil || len(members) != want {
				t.Errorf("%s sees %v, %v", c.ProjectID, members, err)
			}
		}
		if err := f.RemoveMember(ctx, member, i.ID, "foreign"); err != nil {
			t.Error(err)
		}
		_, err := f.Get(ctx, other, i.ID)
		kind(t, "get after the end of sharing", err, errs.NotFound)
	})
}

func TestDeactivate(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		ctx, i := t.Context(), f.active(member, "x")
		for range 2 {
			if err := f.SetActive(ctx, member, i.ID, false); err != nil {
				t.Fatal(err)
			}
		}
		_, err := f.Downloadable(ctx, member, i.ID)
		kind(t, "download", err, errs.Forbidden)
		if _, err := f.Downloadable(ctx, admin, i.ID); err != nil {
			t.Error(err)
		}
		if err := f.SetActive(ctx, member, i.ID, true); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Downloadable(ctx, member, i.ID); err != nil {
			t.Error(err)
		}
		kind(t, "without data", f.SetActive(ctx, member, f.create(member, nil).ID, false), errs.Forbidden)
		kind(t, "reader's", f.SetActive(ctx, reader, i.ID, false), errs.Forbidden)
		kind(t, "stranger's", f.SetActive(ctx, other, i.ID, false), errs.NotFound)
	})
}
