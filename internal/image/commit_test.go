package image_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"wisp/internal/image"
	"wisp/internal/store"
)

var errBroken = errors.New("the connection broke")

// unanswered makes a transaction succeed and seem to fail.
func unanswered(tx *store.Tx) error { return errors.Join(tx.Commit(), errBroken) }

// refusedCommit makes a transaction fail.
func refusedCommit(*store.Tx) error { return errBroken }

// ways are all ways that data come to an image in.
func (f *fixture) ways() map[string]func(ctx context.Context, id string, last image.Last) error {
	return map[string]func(context.Context, string, image.Last) error{
		"upload": func(ctx context.Context, id string, last image.Last) error {
			return f.UploadThen(ctx, member, id, strings.NewReader(letters), last)
		},
		"only part": func(ctx context.Context, id string, last image.Last) error {
			return f.UploadPartThen(ctx, member, id, image.Part{First: 0, Last: 25, Total: 26}, strings.NewReader(letters), last)
		},
		"last part": func(ctx context.Context, id string, last image.Last) error {
			f.mustPart(id, letters, 0, 9, 10)
			return f.UploadPartThen(ctx, member, id, image.Part{First: 10, Last: 25, Total: 26}, strings.NewReader(letters[10:]), last)
		},
		"stage": func(ctx context.Context, id string, last image.Last) error {
			if err := f.StageThen(ctx, member, id, strings.NewReader(letters), last); err != nil {
				return err
			}
			return f.importStaged(id)
		},
	}
}

// importStaged makes what is staged the data, and waits for it.
func (f *fixture) importStaged(id string) error {
	task := f.imports(member, id, staged)
	ctx, stop := context.WithCancel(f.t.Context())
	done := make(chan struct{})
	go func() { f.Work(ctx); close(done) }()
	task = f.finished(task.ID)
	stop()
	<-done
	if task.Status != image.TaskSuccess {
		return errors.New(task.Message)
	}
	return nil
}

// Data whose commit succeeded stay, although its answer was lost.
func TestCommitWithoutAnswer(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		for name, way := range f.ways() {
			i := f.create(member, nil)
			if err := way(t.Context(), i.ID, unanswered); err == nil {
				t.Errorf("%s: no error", name)
			}
			if name == "stage" {
				if got := f.get(i.ID); got.Status != image.Uploading || got.UploadID != "" {
					t.Errorf("%s: left as %+v", name, got)
				}
				if err := f.importStaged(i.ID); err != nil {
					t.Errorf("%s: import: %v", name, err)
				}
			}
			f.asUploaded(i.ID, letters)
			if err := f.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.asUploaded(i.ID, letters)
		}
	})
}

// Data whose commit failed go, or wait for the last part to come again.
func TestCommitRefused(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		for name, way := range f.ways() {
			i := f.create(member, nil)
			if err := way(t.Context(), i.ID, refusedCommit); !errors.Is(err, errBroken) {
				t.Errorf("%s: error %v", name, err)
			}
			if name == "last part" {
				f.mustPart(i.ID, letters, 10, 25, 26)
				f.asUploaded(i.ID, letters)
				if err := f.Delete(t.Context(), member, i.ID); err != nil {
					t.Fatal(err)
				}
			} else if got := f.get(i.ID); got.Status != image.Queued || got.UploadID != "" {
				t.Errorf("%s: left as %+v", name, got)
			}
			if files := f.files(); len(files) > 0 {
				t.Errorf("%s: left %v", name, files)
			}
		}
	})
}

// Nothing is removed while nobody can say whose it is; what is nobody's goes
// with the next recovery.
func TestBlobOfUnknownOwner(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		rename := func(from, to string) {
			t.Helper()
			err := f.db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.NewRaw("ALTER TABLE " + from + " RENAME TO " + to).Exec(ctx)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		i := f.create(member, nil)
		rename("image_held", "elsewhere")
		if err := f.UploadThen(t.Context(), member, i.ID, strings.NewReader(letters), refusedCommit); !errors.Is(err, errBroken) {
			t.Errorf("error %v", err)
		}
		if files := f.files(); len(files) != 1 {
			t.Errorf("while it is not known: %v", files)
		}
		rename("elsewhere", "image_held")
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if files := f.files(); len(files) > 0 {
			t.Errorf("left %v", files)
		}
	})
}

// A client that leaves after its last byte does not undo its upload.
func TestClientLeavesAtTheEnd(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		for name, way := range f.ways() {
			i := f.create(member, nil)
			ctx, leave := context.WithCancel(t.Context())
			if err := way(ctx, i.ID, func(*store.Tx) error { leave(); return nil }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			f.asUploaded(i.ID, letters)
		}
	})
}
