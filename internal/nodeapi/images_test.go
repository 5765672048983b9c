package nodeapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"wisp/internal/errs"
)

func TestImages(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	content := bytes.Repeat([]byte("wisp"), 1<<20)
	cloud.images["good"] = content
	_, dial := startServer(t, cloud, cloud.subscribe)
	c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, &fakeAgent{})
	if err != nil {
		t.Fatal(err)
	}
	body, size, err := c.OpenImage(t.Context(), "good")
	if err != nil || size != int64(len(content)) {
		t.Fatalf("open = %d, %v", size, err)
	}
	got, err := io.ReadAll(body)
	_ = body.Close()
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	if _, _, err := c.OpenImage(t.Context(), "../etc/passwd"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a strange id = %v, want not found", err)
	}
	if err := c.SaveImage(t.Context(), "made", bytes.NewReader(content), int64(len(content))); err != nil {
		t.Fatalf("save = %v", err)
	}
	if err := c.SavePassword(t.Context(), "one", "secret"); err != nil || cloud.passwords["one"] != "secret" {
		t.Fatalf("a password = %v", err)
	}
	if err := c.SavePassword(t.Context(), "one", "another"); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second password = %v, want conflict", err)
	}
	if err := c.SavePassword(t.Context(), "one", strings.Repeat("x", maxPassword+1)); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a long password = %v, want unavailable", err)
	}
	cloud.mu.Lock()
	saved := cloud.images["made"]
	cloud.imageErr = errs.New(errs.NotFound, "Nobody wants it.")
	cloud.mu.Unlock()
	if !bytes.Equal(saved, content) {
		t.Errorf("%d bytes were saved", len(saved))
	}
	if err := c.SaveImage(t.Context(), "made", bytes.NewReader(content), int64(len(content))); !errs.Is(err, errs.NotFound) {
		t.Errorf("saving what nobody wants = %v, want not found", err)
	}
	cloud.mu.Lock()
	cloud.imageErr = errors.New("disk on fire")
	cloud.mu.Unlock()
	if err := c.SaveImage(t.Context(), "made", bytes.NewReader(content), int64(len(content))); !errs.Is(err, errs.Unavailable) || strings.Contains(err.Error(), "fire") {
		t.Errorf("saving that fails = %v, want unavailable", err)
	}
	if _, _, err := c.OpenImage(t.Context(), "good"); !errs.Is(err, errs.Unavailable) || strings.Contains(err.Error(), "fire") {
		t.Errorf("a failing store = %v, want unavailable without its inside", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.OpenImage(ctx, "good"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("without a server = %v, want unavailable", err)
	}
}

func TestCutImageIsNoticed(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	cut := cutCloud{cloud}
	_, dial := startServer(t, cut, cloud.subscribe)
	c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, &fakeAgent{})
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := c.OpenImage(t.Context(), "cut")
	if err != nil {
		return // noticed at once
	}
	defer body.Close()
	if _, err := io.ReadAll(body); err == nil {
		t.Fatal("half an image was read without an error")
	}
}

// cutCloud has an image that cannot be read to its end.
type cutCloud struct{ *fakeCloud }

func (cutCloud) OpenImage(context.Context, string, string) (io.ReadCloser, int64, error) {
	half := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), iotestErrReader{})
	return io.NopCloser(half), 2 << 20, nil
}

type iotestErrReader struct{}

func (iotestErrReader) Read([]byte) (int, error) { return 0, errors.New("bad sector") }

// randomText is text that does not compress well.
func randomText(n int) string {
	b := make([]byte, n/2)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
