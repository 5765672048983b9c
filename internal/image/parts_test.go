package image_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/policy"
	"wisp/internal/qcow2"
)

// part sends data[first:last+1] as a part of data.
func (f *fixture) part(id, data string, first, last int64) (image.Progress, error) {
	return f.UploadPart(context.Background(), member, id, image.Part{First: first, Last: last, Total: int64(len(data))}, strings.NewReader(data[first:last+1]))
}

func (f *fixture) mustPart(id, data string, first, last, held int64) {
	f.t.Helper()
	got, err := f.part(id, data, first, last)
	if want := (image.Progress{Held: held, Done: held == int64(len(data))}); err != nil || got != want {
		f.t.Fatalf("part %d-%d: %+v, %v; want %+v", first, last, got, err, want)
	}
}

// asUploaded checks that an image is what an upload at once would have made.
func (f *fixture) asUploaded(id, data string) {
	f.t.Helper()
	got, want := f.get(id), f.active(member, data)
	if got.Status != image.Active || *got.Size != *want.Size || *got.VirtualSize != *want.VirtualSize || got.Checksum != want.Checksum || got.HashValue != want.HashValue || got.Reserved != 0 || got.UploadID != "" {
		f.t.Errorf("in parts %+v, at once %+v", got, want)
	}
	r, _, err := f.Open(context.Background(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(content) != data {
		f.t.Errorf("%d bytes, %v", len(content), err)
	}
	if err := f.Delete(context.Background(), member, want.ID); err != nil {
		f.t.Fatal(err)
	}
}

const letters = "abcdefghijklmnopqrstuvwxyz"

func TestUploadInParts(t *testing.T) {
	each(t, image.Options{ProjectBytes: 60}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		if p, err := f.PartProgress(t.Context(), member, i.ID, 26); err != nil || p.Held != 0 || p.Done {
			t.Errorf("before: %+v, %v", p, err)
		}
		f.mustPart(i.ID, letters, 0, 9, 10)
		if got := f.get(i.ID); got.Status != image.Saving || got.Size != nil || got.Reserved != 26 || got.UploadID != "" {
			t.Errorf("between: %+v", got)
		}
		f.mustPart(i.ID, letters, 0, 9, 10) // again
		f.mustPart(i.ID, letters, 3, 5, 10) // some of it
		if _, err := f.UploadPart(t.Context(), member, i.ID, image.Part{First: 0, Last: 2, Total: 26}, strings.NewReader("xyz")); errs.Of(err) != errs.Conflict {
			t.Errorf("other bytes: %v", err)
		}
		for _, first := range []int64{11, 5, 25} { // a gap, an overlap, the end
			if p, err := f.part(i.ID, letters, first, 25); !errors.Is(err, image.ErrGap) || p.Held != 10 {
				t.Errorf("from %d: %+v, %v", first, p, err)
			}
		}
		if p, err := f.PartProgress(t.Context(), member, i.ID, 26); err != nil || p.Held != 10 {
			t.Errorf("progress: %+v, %v", p, err)
		}
		_, err := f.part(i.ID, letters+"!", 10, 12)
		kind(t, "another total", err, errs.Conflict)
		_, err = f.PartProgress(t.Context(), member, i.ID, 27)
		kind(t, "progress of another total", err, errs.Conflict)
		kind(t, "upload at once", f.Upload(t.Context(), member, i.ID, strings.NewReader("x"), 1), errs.Conflict)
		kind(t, "stage", f.Stage(t.Context(), member, i.ID, strings.NewReader("x"), 1), errs.Conflict)
		// The next server knows as much.
		svc := f.Service
		f.Service = f.open(image.Options{ProjectBytes: 60})
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mustPart(i.ID, letters, 10, 24, 25)
		f.Service = svc
		f.mustPart(i.ID, letters, 25, 25, 26)
		f.asUploaded(i.ID, letters)
		// The last answer was lost: all of it can be asked for again.
		f.mustPart(i.ID, letters, 25, 25, 26)
		if p, err := f.PartProgress(t.Context(), member, i.ID, 26); err != nil || !p.Done {
			t.Errorf("after: %+v, %v", p, err)
		}
		_, err = f.UploadPart(t.Context(), member, i.ID, image.Part{First: 25, Last: 25, Total: 26}, strings.NewReader("!"))
		kind(t, "S24: other bytes for what is active", err, errs.Conflict)
		_, err = f.part(i.ID, letters[:20], 0, 19)
		kind(t, "S24: another total for what is active", err, errs.Conflict)
		f.asUploaded(i.ID, letters)
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		if files := f.files(); len(files) > 0 {
			t.Errorf("left %v", files)
		}
	})
}

func TestPartsAreRefused(t *testing.T) {
	each(t, image.Options{MaxSize: 30, ProjectBytes: 20}, func(t *testing.T, f *fixture) {
		queued := f.create(member, nil)
		staging := f.create(member, nil)
		if err := f.Stage(t.Context(), member, staging.ID, strings.NewReader("x"), 1); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name   string
			caller *policy.Caller
			id     string
			part   image.Part
			data   string
			kind   errs.Kind
		}{
			{"stranger", other, queued.ID, image.Part{First: 0, Last: 0, Total: 2}, "x", errs.NotFound},
			{"reader", reader, queued.ID, image.Part{First: 0, Last: 0, Total: 2}, "x", errs.Forbidden},
			{"no formats", member, f.create(member, map[string]any{"disk_format": nil}).ID, image.Part{First: 0, Last: 0, Total: 2}, "x", errs.Invalid},
			{"backwards", member, queued.ID, image.Part{First: 1, Last: 0, Total: 2}, "x", errs.Invalid},
			{"negative", member, queued.ID, image.Part{First: -1, Last: 0, Total: 2}, "x", errs.Invalid},
			{"beyond the total", member, queued.ID, image.Part{First: 0, Last: 2, Total: 2}, "x", errs.Invalid},
			{"too large", member, queued.ID, image.Part{First: 0, Last: 0, Total: 31}, "x", errs.TooLarge},
			{"over quota", member, queued.ID, image.Part{First: 0, Last: 0, Total: 20}, "x", errs.TooLarge}, // a byte is staged
			{"too many bytes", member, queued.ID, image.Part{First: 0, Last: 0, Total: 2}, "xyz", errs.Invalid},
			{"no bytes", member, queued.ID, image.Part{First: 0, Last: 1, Total: 2}, "", errs.Invalid},
			{"staged", member, staging.ID, image.Part{First: 0, Last: 0, Total: 2}, "x", errs.Conflict},
		} {
			_, err := f.UploadPart(t.Context(), tt.caller, tt.id, tt.part, strings.NewReader(tt.data))
			kind(t, tt.name, err, tt.kind)
			if got := f.get(queued.ID); got.Status != image.Queued || got.Reserved != 0 || got.UploadID != "" || len(f.files()) != 1 {
				t.Errorf("%s: left %+v, %v", tt.name, got, f.files())
			}
		}
		if p, err := f.part(queued.ID, "0123456789", 1, 2); !errors.Is(err, image.ErrGap) || p.Held != 0 {
			t.Errorf("not from the start: %+v, %v", p, err)
		}
		for c, want := range map[*policy.Caller]errs.Kind{other: errs.NotFound, reader: errs.Forbidden} {
			_, err := f.PartProgress(t.Context(), c, queued.ID, 2)
			kind(t, c.ProjectID, err, want)
		}
		_, err := f.PartProgress(t.Context(), member, staging.ID, 2)
		kind(t, "progress of what is staged", err, errs.Conflict)
	})
}

// S25: the quota holds what all parts will be from the first one on, exactly.
func TestS25_QuotaOfParts(t *testing.T) {
	each(t, image.Options{ProjectBytes: 26}, func(t *testing.T, f *fixture) {
		i, next := f.create(member, nil), f.create(member, nil)
		f.mustPart(i.ID, letters, 0, 0, 1)
		kind(t, "beside it", f.Upload(t.Context(), member, next.ID, strings.NewReader("x"), 1), errs.TooLarge)
		_, err := f.part(next.ID, letters, 0, 0)
		kind(t, "parts beside it", err, errs.TooLarge)
		f.mustPart(i.ID, letters, 1, 20, 21)
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		if files := f.files(); len(files) > 0 {
			t.Errorf("left %v", files)
		}
		f.mustPart(next.ID, letters, 0, 25, 26)
		f.asUploadedAlone(next.ID)
	})
}

func (f *fixture) asUploadedAlone(id string) {
	f.t.Helper()
	if got := f.get(id); got.Status != image.Active || got.Reserved != 0 {
		f.t.Errorf("image %+v", got)
	}
}

// A part that is cut off is kept as far as it came.
func TestPartIsCutOff(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		p, err := f.UploadPart(t.Context(), member, i.ID, image.Part{First: 0, Last: 19, Total: 26}, brokenReader{strings.NewReader(letters[:7])})
		if errs.Of(err) != errs.Invalid || p.Held != 7 {
			t.Fatalf("cut off: %+v, %v", p, err)
		}
		ctx, leave := context.WithCancel(t.Context())
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		result := make(chan error, 1)
		go func() {
			_, err := f.UploadPart(ctx, member, i.ID, image.Part{First: 7, Last: 19, Total: 26}, r)
			result <- err
		}()
		if _, err := io.WriteString(w, letters[7:12]); err != nil {
			t.Fatal(err)
		}
		wait(t, "five more are written", func() bool { return f.written() == 12 })
		leave()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("the client left: %v", err)
		}
		// Too many bytes for the range are no bytes of it.
		_, err = f.UploadPart(t.Context(), member, i.ID, image.Part{First: 12, Last: 13, Total: 26}, strings.NewReader("mnop"))
		kind(t, "too many", err, errs.Invalid)
		if p, err := f.PartProgress(t.Context(), member, i.ID, 26); err != nil || p.Held != 12 {
			t.Fatalf("progress: %+v, %v", p, err)
		}
		f.mustPart(i.ID, letters, 12, 25, 26)
		f.asUploaded(i.ID, letters)
	})
}

// written is how long the only file is.
func (f *fixture) written() int64 {
	f.t.Helper()
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	var n int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// After a kill in the middle of a part, what was counted is there, what came
// after is cut off, and only this server's part is given up at once.
func TestPartsAfterKill(t *testing.T) {
	folders(t, image.Options{Server: "a"}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		f.mustPart(i.ID, letters, 0, 9, 10)
		path := filepath.Join(f.dir, f.files()[0])
		kill := func(server string) {
			file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.WriteString("klm??"); err != nil {
				t.Fatal(err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			f.set("images", fmt.Sprintf("upload_id = 'dead', upload_server = '%s'", server), i.ID)
		}
		kill("b")
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := f.part(i.ID, letters, 10, 19)
		kind(t, "while another server's part may be coming", err, errs.Conflict)
		kill("a")
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := f.get(i.ID); got.Status != image.Saving || got.UploadID != "" || got.Reserved != 0 {
			t.Errorf("recovered: %+v", got)
		}
		f.mustPart(i.ID, letters, 10, 19, 20)
		f.mustPart(i.ID, letters, 20, 25, 26)
		f.asUploaded(i.ID, letters)
	})
}

// What is lost from the disk is said, and the upload begins again.
func TestPartsLost(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		f.mustPart(i.ID, letters, 0, 9, 10)
		if err := os.Truncate(filepath.Join(f.dir, f.files()[0]), 3); err != nil {
			t.Fatal(err)
		}
		_, err := f.part(i.ID, letters, 10, 19)
		kind(t, "next", err, errs.Gone)
		if got := f.get(i.ID); got.Status != image.Queued || len(f.files()) > 0 {
			t.Errorf("left %+v, %v", got, f.files())
		}
		f.mustPart(i.ID, letters, 0, 25, 26)
	})
}

func TestAbandonedParts(t *testing.T) {
	each(t, image.Options{ProjectBytes: 100}, func(t *testing.T, f *fixture) {
		old, recent := f.create(member, nil), f.create(member, nil)
		for _, i := range []image.Image{old, recent} {
			f.mustPart(i.ID, letters, 0, 9, 10)
		}
		f.set("images", "upload_seen_at = '2020-01-01 00:00:00'", old.ID)
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := f.get(old.ID); got.Status != image.Queued || got.Reserved != 0 {
			t.Errorf("abandoned: %+v", got)
		}
		if files := f.files(); len(files) != 1 || !strings.HasPrefix(files[0], recent.ID) {
			t.Errorf("files %v", files)
		}
		f.mustPart(recent.ID, letters, 10, 25, 26)
		f.mustPart(old.ID, letters, 0, 25, 26)
	})
}

// One part at a time: of many that come at once one is taken, and the others
// do no harm.
func TestPartsAtOnce(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		f.mustPart(i.ID, letters, 0, 4, 5)
		r, w := io.Pipe()
		result := make(chan error, 1)
		go func() {
			_, err := f.UploadPart(t.Context(), member, i.ID, image.Part{First: 5, Last: 9, Total: 26}, r)
			result <- err
		}()
		if _, err := io.WriteString(w, letters[5:7]); err != nil {
			t.Fatal(err)
		}
		_, err := f.part(i.ID, letters, 5, 9)
		kind(t, "the same part", err, errs.Conflict)
		_, err = f.part(i.ID, letters, 10, 12)
		kind(t, "the next part", err, errs.Conflict)
		f.mustPart(i.ID, letters, 0, 4, 5) // what is there is there
		// A process that does not know of the first one is stopped by the file,
		// and without one is not in its way.
		f.set("images", "upload_id = ''", i.ID)
		if _, err = f.part(i.ID, letters, 5, 9); f.s3 == nil {
			kind(t, "the same part by another", err, errs.Conflict)
		} else if err != nil {
			t.Errorf("the same part by another: %v", err)
		}
		if _, err := io.WriteString(w, letters[7:10]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		kind(t, "the first, whose place was taken", <-result, errs.Gone)
		f.mustPart(i.ID, letters, 5, 9, 10)

		var wg sync.WaitGroup
		results := make([]error, 8)
		for n := range results {
			wg.Go(func() { _, results[n] = f.part(i.ID, letters, 10, 25) })
		}
		wg.Wait()
		taken := 0
		for _, err := range results {
			switch {
			case err == nil:
				taken++
			case errs.Of(err) != errs.Conflict:
				t.Errorf("at once: %v", err)
			}
		}
		if taken == 0 {
			t.Error("none was taken")
		}
		f.asUploaded(i.ID, letters)
	})
}

func TestS25_DeleteDuringParts(t *testing.T) {
	each(t, image.Options{ProjectBytes: 26}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		f.mustPart(i.ID, letters, 0, 4, 5)
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		result := make(chan error, 1)
		go func() {
			_, err := f.UploadPart(t.Context(), member, i.ID, image.Part{First: 5, Last: 25, Total: 26}, r)
			result <- err
		}()
		if _, err := io.WriteString(w, letters[5:7]); err != nil {
			t.Fatal(err)
		}
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		kind(t, "the part", <-result, errs.Gone)
		if files := f.files(); len(files) > 0 {
			t.Errorf("left %v", files)
		}
		f.mustPart(f.create(member, nil).ID, letters, 0, 25, 26)
	})
}

// S18, S20: what came in parts is judged as a whole, however it was cut.
func TestS18_S20_PartsAreInspected(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		overlay := string(file(t, func(path string) error { return qcow2.CreateOverlay(path, "/etc/passwd", "raw", 1<<20) }))
		for _, format := range []string{"qcow2", "raw"} {
			for _, cut := range []int64{1, 3, 80, int64(len(overlay)) - 1} {
				i := f.create(member, map[string]any{"disk_format": format})
				f.mustPart(i.ID, overlay, 0, cut-1, cut)
				_, err := f.part(i.ID, overlay, cut, int64(len(overlay))-1)
				kind(t, fmt.Sprintf("%s cut at %d", format, cut), err, errs.UnsupportedMedia)
				if got := f.get(i.ID); got.Status != image.Queued || got.Reserved != 0 || len(f.files()) > 0 {
					t.Errorf("left %+v, %v", got, f.files())
				}
			}
		}
		big := "QFI\xfb" + strings.Repeat("\xff", 3<<20)
		i := f.create(member, nil)
		_, err := f.part(i.ID, big, 0, 2<<20)
		kind(t, "early", err, errs.UnsupportedMedia)
		if got := f.get(i.ID); got.Status != image.Queued || len(f.files()) > 0 {
			t.Errorf("left %+v, %v", got, f.files())
		}
	})
}

// A disk that fills up in the middle of a part keeps those before it.
func TestPartFindsNoPlace(t *testing.T) {
	folders(t, image.Options{KeepFree: 10}, func(t *testing.T, f *fixture) {
		free := int64(100)
		f.SpaceFrom(func() (int64, int64, error) { return free, 1000, nil })
		i := f.create(member, nil)
		f.mustPart(i.ID, letters, 0, 9, 10)
		free = 25
		p, err := f.part(i.ID, letters, 10, 19)
		kind(t, "full", err, errs.TooLarge)
		if p.Held != 10 || f.get(i.ID).Status != image.Saving {
			t.Errorf("held %+v", p)
		}
		free = 100
		f.mustPart(i.ID, letters, 10, 25, 26)
		f.asUploaded(i.ID, letters)
	})
}

// However the data are cut and whatever is repeated, the image is the same.
func TestPartsHoweverTheyAreCut(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		want := f.active(member, letters)
		for seed := range uint64(12) {
			r := rand.New(rand.NewPCG(seed, 0))
			i := f.create(member, nil)
			for held := int64(0); held < 26; {
				first := r.Int64N(min(held+3, 26))
				last := first + r.Int64N(26-first)
				p, err := f.part(i.ID, letters, first, last)
				switch {
				case first == held:
					held = last + 1
				case last >= held:
					if !errors.Is(err, image.ErrGap) {
						t.Fatalf("seed %d: %d-%d at %d: %v", seed, first, last, held, err)
					}
					err = nil
				}
				if err != nil || p.Held != held {
					t.Fatalf("seed %d: %d-%d: %+v, %v; want %d", seed, first, last, p, err, held)
				}
			}
			if got := f.get(i.ID); got.Checksum != want.Checksum || got.HashValue != want.HashValue || *got.Size != *want.Size {
				t.Errorf("seed %d: in parts %+v, at once %+v", seed, got, want)
			}
		}
	})
}
