package image_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/policy"
)

func TestUsage(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		if _, err := f.Usage(t.Context(), &policy.Caller{Roles: []string{"reader"}}); !errs.Is(err, errs.Forbidden) {
			t.Errorf("of no project: %v", err)
		}
		usage, err := f.Usage(t.Context(), member)
		if err != nil || len(usage) != 4 || usage[image.CountTotal] != (image.Quota{Used: 0, Limit: -1}) {
			t.Errorf("usage %v %v", usage, err)
		}
		store := f.Stores()[0]
		if want := map[bool]string{true: "s3", false: "file"}[f.s3 != nil]; store.Type != want || len(store.Detail) == 0 || !store.Default || store.ReadOnly || store.Name != image.LocalStore {
			t.Errorf("store %v", store)
		}
	})
}

// TestUnifiedLimits goes over each limit, in each way that data come.
func TestUnifiedLimits(t *testing.T) {
	mib := strings.Repeat("x", 1<<20)
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		limits := map[string]int64{}
		var broken error
		options := image.Options{Limits: func(_ context.Context, _ bun.IDB, project string) (map[string]int64, error) {
			if project != member.ProjectID {
				return nil, broken
			}
			return limits, broken
		}}
		f.Service = f.open(options)
		create := func() string {
			t.Helper()
			i, err := f.Create(t.Context(), member, map[string]any{"disk_format": "raw", "container_format": "bare"})
			if err != nil {
				t.Fatal(err)
			}
			return i.ID
		}
		over := func(what, resource string, err error) {
			t.Helper()
			if !errs.Is(err, errs.TooLarge) || !strings.Contains(err.Error(), "Project demo is over a limit for [Resource "+resource+" is over limit of ") {
				t.Errorf("%s: %v", what, err)
			}
		}
		upload := func(id string) error { return f.Upload(t.Context(), member, id, strings.NewReader(mib), -1) }
		stage := func(id string) error { return f.Stage(t.Context(), member, id, strings.NewReader(mib), -1) }
		part := func(id string) error {
			_, err := f.UploadPart(t.Context(), member, id, image.Part{First: 0, Last: 3, Total: 10}, strings.NewReader("abcd"))
			return err
		}
		set := func(values map[string]int64) {
			clear(limits)
			for name, value := range values {
				limits[name] = value
			}
		}
		a, b, c, d := create(), create(), create(), create()

		set(map[string]int64{image.CountTotal: 4, "volumes": 0})
		_, err := f.Create(t.Context(), member, map[string]any{})
		over("one more image", image.CountTotal, err)
		set(map[string]int64{image.CountTotal: -1})
		create()

		// Nobody knows how large data are that only come: what is at its limit may
		// have one more, what is over it may not.
		set(map[string]int64{image.SizeTotal: 1})
		if err := errors.Join(upload(a), upload(b)); err != nil {
			t.Fatal(err)
		}
		over("upload", image.SizeTotal, upload(c))
		over("the first part", image.SizeTotal, part(c))
		set(map[string]int64{image.CountUploading: 0})
		over("upload", image.CountUploading, upload(c))
		over("staging", image.CountUploading, stage(c))
		over("the first part", image.CountUploading, part(c))
		set(map[string]int64{image.StageTotal: 0})
		if err := stage(c); err != nil {
			t.Fatal(err)
		}
		over("staging", image.StageTotal, stage(d))

		// What is staged has a size.
		set(map[string]int64{image.SizeTotal: 2})
		_, err = f.Import(t.Context(), member, c, image.ImportRequest{Method: image.GlanceDirect})
		over("import", image.SizeTotal, err)
		set(map[string]int64{image.SizeTotal: 3, image.CountUploading: 0})
		if _, err := f.Import(t.Context(), member, c, image.ImportRequest{Method: image.GlanceDirect}); err != nil {
			t.Errorf("what is staged counts as an upload already: %v", err)
		}
		if usage, err := f.Usage(t.Context(), member); err != nil || usage[image.SizeTotal] != (image.Quota{Used: 2, Limit: 3}) || usage[image.CountTotal].Limit != -1 {
			t.Errorf("usage %v %v", usage, err)
		}
		broken = errors.New("no limits")
		if err := upload(d); !errors.Is(err, broken) {
			t.Errorf("the limits cannot be read: %v", err)
		}
	})
}
