package image_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/image"
)

const silence = 250 * time.Millisecond

// silent sends some data and then nothing, until the test ends.
func silent(t *testing.T, data string) io.Reader {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	return endless{strings.NewReader(data), stop}
}

func endedBySilence(t *testing.T, what string, err error) {
	t.Helper()
	public, ok := errors.AsType[*errs.Error](err)
	if !ok || public.Kind != errs.Invalid || public.Message != "The client sent nothing for 250ms." || !errors.Is(err, image.ErrSilent) {
		t.Errorf("%s: error %v, want that the client was silent", what, err)
	}
}

// An upload whose client sends nothing any more ends, and leaves nothing.
func TestSilentUpload(t *testing.T) {
	each(t, image.Options{Silence: silence}, func(t *testing.T, f *fixture) {
		for what, data := range map[string]string{"from the start": "", "in the middle": letters} {
			i := f.create(member, nil)
			endedBySilence(t, "upload silent "+what, f.Upload(t.Context(), member, i.ID, silent(t, data), -1))
			endedBySilence(t, "stage silent "+what, f.Stage(t.Context(), member, i.ID, silent(t, data), 100))
			if got := f.get(i.ID); got.Status != image.Queued || got.UploadID != "" || len(f.files()) > 0 {
				t.Errorf("%s: left %+v, %v", what, got, f.files())
			}
		}
	})
}

// What came of a part before the silence is kept.
func TestSilentPart(t *testing.T) {
	each(t, image.Options{Silence: silence}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		p, err := f.UploadPart(t.Context(), member, i.ID, image.Part{First: 0, Last: 25, Total: 26}, silent(t, letters[:10]))
		endedBySilence(t, "part", err)
		if p.Held != 10 {
			t.Errorf("progress %+v", p)
		}
		_, err = f.UploadPart(t.Context(), member, i.ID, image.Part{First: 0, Last: 9, Total: 26}, silent(t, letters[:5]))
		endedBySilence(t, "part that is there", err)
		f.mustPart(i.ID, letters, 10, 25, 26)
		f.asUploaded(i.ID, letters)
	})
}

// slow sends a byte at a time, with pauses.
type slow struct {
	io.Reader
	pause time.Duration
}

func (s slow) Read(p []byte) (int, error) {
	<-time.After(s.pause)
	return s.Reader.Read(p[:1])
}

// A client that is slow is not silent, however long it takes.
func TestSlowUpload(t *testing.T) {
	each(t, image.Options{Silence: time.Second}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		if err := f.Upload(t.Context(), member, i.ID, slow{strings.NewReader(letters), 50 * time.Millisecond}, 26); err != nil {
			t.Fatal(err)
		}
		f.asUploaded(i.ID, letters)
	})
}
