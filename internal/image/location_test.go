package image_test

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/policy"
)

// pages is a source in memory: what each URL leads to.
type pages struct {
	mu   sync.Mutex
	data map[string]string
}

func (p *pages) set(uri, data string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.data == nil {
		p.data = map[string]string{}
	}
	p.data[uri] = data
}

func (p *pages) Check(uri string) error {
	if !strings.HasPrefix(uri, "http://") || strings.Contains(uri, "127.0.0.1") {
		return errs.New(errs.Invalid, "URI for web-download does not pass filtering: %s", uri)
	}
	return nil
}

func (p *pages) Fetch(_ context.Context, uri string) (io.ReadCloser, int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	data, ok := p.data[uri]
	if !ok {
		return nil, 0, errs.New(errs.Unavailable, "The server of the URI answered HTTP 404: Not Found")
	}
	size := int64(len(data))
	if strings.HasSuffix(uri, "#endless") {
		size = -1
	}
	return io.NopCloser(strings.NewReader(data)), size, nil
}

const at = "http://example.org/disk"

func place(uri string, more ...any) map[string]any {
	v := map[string]any{"url": uri, "metadata": map[string]any{}}
	for n := 0; n < len(more); n += 2 {
		v[more[n].(string)] = more[n+1]
	}
	return v
}

func adds(value any) image.Change {
	return image.Change{Op: "add", Name: "locations", At: "-", Value: value}
}

func sum(data string) string {
	digest := sha512.Sum512([]byte(data))
	return hex.EncodeToString(digest[:])
}

func says(data string) map[string]any {
	return map[string]any{"os_hash_algo": "sha512", "os_hash_value": sum(data)}
}

// located runs a test on a cloud that has locations.
func located(t *testing.T, test func(t *testing.T, f *fixture, web *pages)) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		web := &pages{}
		web.set(at, "0123456789")
		f.Service = f.open(image.Options{Locations: true, DirectURL: true, Source: web})
		test(t, f, web)
	})
}

func (f *fixture) shown(c *policy.Caller, id string) (urls []string) {
	i := f.get(id)
	for _, l := range f.Shown(c, &i) {
		urls = append(urls, l.URL)
	}
	return urls
}

func (f *fixture) change(c *policy.Caller, id string, changes ...image.Change) error {
	_, err := f.Update(f.t.Context(), c, id, changes)
	return err
}

func TestLocations(t *testing.T) {
	located(t, func(t *testing.T, f *fixture, web *pages) {
		web.set(at+"#two", "0123456789")
		web.set(at+"#other", "01234567")
		i := f.create(member, nil)
		if err := f.change(member, i.ID, adds(place(at, "metadata", map[string]any{"a": "b"}))); err != nil {
			t.Fatal(err)
		}
		got := f.get(i.ID)
		if got.Status != image.Active || *got.Size != 10 || got.HashValue != "" || got.Checksum != "" || got.Blob != "" || got.Locations[0].Metadata["a"] != "b" {
			t.Errorf("image %+v", got)
		}
		kind(t, "the same again", f.change(member, i.ID, adds(place(at))), errs.Invalid)
		kind(t, "of another size", f.change(member, i.ID, adds(place(at+"#other"))), errs.Invalid)
		if err := f.change(member, i.ID, adds(place(at+"#two"))); err != nil {
			t.Fatal(err)
		}
		replace := func(urls ...string) error {
			list := []any{}
			for _, u := range urls {
				list = append(list, place(u, "metadata", map[string]any{"store": "web", "n": "m"}))
			}
			return f.change(member, i.ID, image.Change{Op: "replace", Name: "locations", Value: list})
		}
		kind(t, "fewer", replace(at), errs.Invalid)
		kind(t, "one twice", replace(at, at), errs.Invalid)
		kind(t, "others", replace(at, at+"#other"), errs.Invalid)
		if err := replace(at+"#two", at); err != nil {
			t.Fatal(err)
		}
		if got := f.shown(member, i.ID); !slices.Equal(got, []string{at + "#two", at}) {
			t.Errorf("locations %v", got)
		}
		got = f.get(i.ID)
		if got.Locations[0].Metadata["n"] != "m" || got.Locations[0].Metadata["store"] != nil {
			t.Errorf("metadata %v", got.Locations[0].Metadata)
		}
		removes := func(at string) error {
			return f.change(member, i.ID, image.Change{Op: "remove", Name: "locations", At: at})
		}
		kind(t, "no position", removes("x"), errs.Invalid)
		if err := removes("0"); err != nil {
			t.Fatal(err)
		}
		kind(t, "the last one", removes("0"), errs.Forbidden)
		if data, err := f.content(i.ID, 2, 3); err != nil || data != "234" {
			t.Errorf("content %q, %v", data, err)
		}
		_, err := f.Import(t.Context(), admin, i.ID, fromWeb)
		kind(t, "an import", err, errs.Conflict)
	})
}

func TestBadLocations(t *testing.T) {
	located(t, func(t *testing.T, f *fixture, web *pages) {
		web.set(at+"#empty", "")
		web.set(at+"#endless", "0123456789")
		i := f.create(member, nil)
		for _, tt := range []struct {
			name   string
			change image.Change
			want   errs.Kind
		}{
			{"a scheme", adds(place("gopher://example.org/disk")), errs.Invalid},
			{"a file", adds(place("file:///etc/passwd")), errs.Invalid},
			{"nothing there", adds(place(at + "#none")), errs.Invalid},
			{"empty", adds(place(at + "#empty")), errs.Invalid},
			{"of unknown size", adds(place(at + "#endless")), errs.Invalid},
			{"too long", adds(place(at + strings.Repeat("x", 255))), errs.Invalid},
			{"no object", adds("x"), errs.Invalid},
			{"no metadata", adds(map[string]any{"url": at}), errs.Invalid},
			{"more", adds(place(at, "x", 1)), errs.Invalid},
			{"much metadata", adds(place(at, "metadata", map[string]any{"x": strings.Repeat("x", 70000)})), errs.Invalid},
			{"another store", adds(place(at, "metadata", map[string]any{"store": "local"})), errs.Invalid},
			{"no validation", adds(place(at, "validation_data", "x")), errs.Invalid},
			{"half a validation", adds(place(at, "validation_data", map[string]any{"os_hash_algo": "sha512"})), errs.Invalid},
			{"more validation", adds(place(at, "validation_data", map[string]any{"os_hash_algo": "sha512", "os_hash_value": "x", "y": "z"})), errs.Invalid},
			{"other digest", adds(place(at, "validation_data", map[string]any{"os_hash_algo": "sha256", "os_hash_value": sum("x")})), errs.Conflict},
			{"short digest", adds(place(at, "validation_data", map[string]any{"os_hash_algo": "sha512", "os_hash_value": "abcd"})), errs.Conflict},
			{"no digest", adds(place(at, "validation_data", map[string]any{"os_hash_algo": "sha512", "os_hash_value": strings.Repeat("z", 128)})), errs.Conflict},
			{"not at the list", image.Change{Op: "add", Name: "locations", Value: place(at)}, errs.Invalid},
			{"no place", image.Change{Op: "add", Name: "locations", At: "x", Value: place(at)}, errs.Invalid},
			{"no list", image.Change{Op: "replace", Name: "locations", Value: "x"}, errs.Invalid},
			{"an empty list", image.Change{Op: "replace", Name: "locations", Value: []any{}}, errs.Forbidden},
			{"remove of none", image.Change{Op: "remove", Name: "locations", At: "0"}, errs.Conflict},
			{"conflicting", image.Change{Op: "replace", Name: "locations", Value: []any{place(at, "validation_data", says("a")), place(at, "validation_data", says("b"))}}, errs.Conflict},
		} {
			kind(t, tt.name, f.change(member, i.ID, tt.change), tt.want)
		}
		if got := f.get(i.ID); got.Status != image.Queued || len(got.Locations) > 0 || got.Size != nil {
			t.Errorf("image %+v", got)
		}
		formless := f.create(member, map[string]any{"disk_format": nil})
		kind(t, "no format", f.change(member, formless.ID, adds(place(at))), errs.Invalid)
		many := []any{}
		for range 11 {
			many = append(many, place(at))
		}
		kind(t, "too many", f.change(member, i.ID, image.Change{Op: "replace", Name: "locations", Value: many}), errs.TooLarge)
		staged := f.create(member, nil)
		if err := f.Stage(t.Context(), member, staged.ID, strings.NewReader("x"), 1); err != nil {
			t.Fatal(err)
		}
		kind(t, "while data are staged", f.change(member, staged.ID, adds(place(at))), errs.Conflict)
	})
}

// S24 and OSSN-0065: off unless asked for; nobody but the owner sees or sets
// where data are, nothing leads inside, and an image that said which data it has
// never has others.
func TestS24_Locations(t *testing.T) {
	located(t, func(t *testing.T, f *fixture, web *pages) {
		closed := f.open(image.Options{Source: web})
		i := f.create(admin, map[string]any{"visibility": "public"})
		for _, ch := range []image.Change{adds(place(at)), {Op: "replace", Name: "locations", Value: []any{}}, {Op: "remove", Name: "locations", At: "0"}} {
			_, err := closed.Update(t.Context(), admin, i.ID, []image.Change{ch})
			kind(t, "where locations are off", err, errs.Forbidden)
			for name, c := range map[string]*policy.Caller{"another's public image": member, "a reader's": reader} {
				kind(t, name, f.change(c, i.ID, ch), errs.Forbidden)
			}
		}
		_, err := f.Create(t.Context(), member, map[string]any{"locations": []any{place(at)}})
		kind(t, "with the image", err, errs.Forbidden)
		kind(t, "inside", f.change(admin, i.ID, adds(place("http://127.0.0.1/disk"))), errs.Invalid)
		if err := f.change(admin, i.ID, adds(place(at, "validation_data", says("0123456789")))); err != nil {
			t.Fatal(err)
		}
		if got := f.shown(member, i.ID); got != nil {
			t.Errorf("others see %v", got)
		}
		if got := f.shown(admin, i.ID); !slices.Equal(got, []string{at}) {
			t.Errorf("its owner sees %v", got)
		}
		if got := f.get(i.ID); got.HashValue != sum("0123456789") || got.HashAlgo != "sha512" {
			t.Errorf("image %+v", got)
		}
		web.set(at+"#two", "9876543210")
		kind(t, "other data", f.change(admin, i.ID, adds(place(at+"#two", "validation_data", says("9876543210")))), errs.Conflict)
		for _, changed := range []string{"012345678x", "0123456789x", "01234"} {
			web.set(at, changed)
			if got, err := f.content(i.ID, 0, -1); err == nil || len(got) == 10 {
				t.Errorf("%s was read as %q", changed, got)
			}
		}
		web.set(at, "0123456789")
		if got, err := f.content(i.ID, 0, -1); err != nil || got != "0123456789" {
			t.Errorf("content %q, %v", got, err)
		}
		// Who knows the digest of a disk that no upload may be has nobody read it.
		lie := f.create(admin, map[string]any{"disk_format": "qcow2"})
		if err := f.change(admin, lie.ID, adds(place(at, "validation_data", says("0123456789")))); err != nil {
			t.Fatal(err)
		}
		if got, err := f.content(lie.ID, 0, -1); !errs.Is(err, errs.UnsupportedMedia) || len(got) == 10 {
			t.Errorf("what is no disk was read as %q, %v", got, err)
		}
		// Data that were uploaded stay those that they are with a location, and
		// without the store.
		mine := f.active(member, "0123456789")
		if err := f.change(member, mine.ID, adds(place(at)), image.Change{Op: "remove", Name: "locations", At: "0"}); err != nil {
			t.Fatal(err)
		}
		if got := f.get(mine.ID); got.Blob != "" || got.HashValue != sum("0123456789") || len(blobsIn(t, f.dir)) > 0 {
			t.Errorf("image %+v", got)
		}
		web.set(at, "012345678x")
		if got, err := f.content(mine.ID, 0, -1); err == nil {
			t.Errorf("other data were read: %q", got)
		}
	})
}

// What nobody vouched for is looked at, and stays what it was then.
func TestLocationIsVerified(t *testing.T) {
	located(t, func(t *testing.T, f *fixture, web *pages) {
		working(t, f.Service)
		check := func(i image.Image) image.Task {
			t.Helper()
			if err := f.change(member, i.ID, adds(place(at))); err != nil {
				t.Fatal(err)
			}
			tasks, err := f.ImageTasks(t.Context(), member, i.ID)
			if err != nil || len(tasks) != 1 || tasks[0].Type() != image.LocationType {
				t.Fatalf("tasks %v, %v", tasks, err)
			}
			return f.finished(tasks[0].ID)
		}
		i := f.create(member, nil)
		if task := check(i); task.Status != image.TaskSuccess {
			t.Errorf("task %+v", task)
		}
		if got := f.get(i.ID); got.HashValue != sum("0123456789") || got.Checksum != "781e5e245d69b566979b86e28d23f2c7" || got.Status != image.Active {
			t.Errorf("image %+v", got)
		}
		if _, size, err := f.Open(t.Context(), i.ID); err != nil || size != 10 {
			t.Errorf("a host gets %d bytes, %v", size, err)
		}
		for query, want := range map[string]int{image.LocationType: 1, image.TaskType: 0, "": 1} {
			found, err := f.Tasks(t.Context(), admin, image.TaskQuery{Type: query, Limit: 10})
			if err != nil || len(found) != want {
				t.Errorf("%q: %d tasks, %v", query, len(found), err)
			}
		}
		// It is no disk of the format that it says.
		lie := f.create(member, map[string]any{"disk_format": "qcow2"})
		if task := check(lie); task.Status != image.TaskFailure {
			t.Errorf("task %+v", task)
		}
		if got := f.get(lie.ID); got.HashValue != "" || got.Status != image.Active {
			t.Errorf("image %+v", got)
		}
	})
}

// What is at a URL can be copied into stores, once it is known what it is.
func TestCopyFromALocation(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		web := &pages{}
		web.set(at, "0123456789")
		_, dirs := f.several(image.Options{Locations: true, Source: web})
		into := request(image.CopyImage, map[string]any{"stores": []string{"second", "third"}})
		i := f.create(member, nil)
		if err := f.change(member, i.ID, adds(place(at))); err != nil {
			t.Fatal(err)
		}
		_, err := f.Import(t.Context(), admin, i.ID, into)
		kind(t, "before it is known", err, errs.Conflict)
		working(t, f.Service)
		wait(t, "the data are known", func() bool { return f.get(i.ID).HashValue != "" })
		web.set(at, "012345678x")
		task := f.finished(f.imports(admin, i.ID, into).ID)
		if got := f.get(i.ID); task.Status != image.TaskFailure || got.Blob != "" || got.Status != image.Active || got.FailedStores == "" {
			t.Errorf("other data: task %+v, image %+v", task, got)
		}
		web.set(at, "0123456789")
		if task = f.finished(f.imports(admin, i.ID, into).ID); task.Status != image.TaskSuccess {
			t.Errorf("task %+v", task)
		}
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.DeleteFromStore(t.Context(), member, image.WebStore, i.ID); err != nil {
			t.Fatal(err)
		}
		f.in(i.ID, dirs, "second", "third")
		if got, err := f.content(i.ID, 0, -1); err != nil || got != "0123456789" {
			t.Errorf("content %q, %v", got, err)
		}
	})
}
