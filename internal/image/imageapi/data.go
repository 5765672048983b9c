package imageapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/policy"
)

// leftover is how much of a refused upload is still read, so that the client
// sees the answer instead of a connection that breaks.
const leftover = 64 << 20

// How long a client may take over that, and how long one is waited for whose
// upload was ended in the middle.
const (
	leftoverTime = time.Minute
	hangUpTime   = time.Second
)

func (f *face) upload(r *api.Request) (any, error) {
	store := r.Header.Get(storeHeader)
	if err := f.svc.CheckStoreName(store); err != nil {
		return nil, err
	}
	if text, given := r.Header["Content-Range"]; given {
		return f.uploadPart(r, store, strings.Join(text, ", "))
	}
	return f.takeData(r, func(ctx context.Context, c *policy.Caller, id string, data io.Reader, size int64) error {
		return f.svc.UploadTo(ctx, c, id, store, data, size)
	})
}

// takeData gives the body to the slice.
func (f *face) takeData(r *api.Request, take func(ctx context.Context, c *policy.Caller, id string, data io.Reader, size int64) error) (any, error) {
	size, err := octets(r)
	if err != nil {
		return nil, err
	}
	err = take(r.Context(), r.Caller, r.Param("id"), r.Body, size)
	if err != nil {
		discard(r, err)
	}
	return nil, err
}

// octets checks that the body is data, and tells how many bytes are promised;
// negative when nobody says.
func octets(r *api.Request) (int64, error) {
	if kind := r.Header.Get("Content-Type"); kind != "application/octet-stream" {
		return 0, errs.New(errs.UnsupportedMedia, "Invalid content type %s", kind)
	}
	size := r.ContentLength
	if text := r.Header.Get("X-Openstack-Image-Size"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return 0, errs.New(errs.Invalid, "Invalid or missing image size in request headers.")
		}
		size = n
	}
	return size, nil
}

// discard reads what a refused client still sends, for its sake only. Nothing is
// read after an upload that was ended in the middle, whose client may never
// send again; a read that is still under way, which would hold up the answer,
// ends too.
func discard(r *api.Request, why error) {
	until := func(d time.Duration) { _ = http.NewResponseController(r.Writer).SetReadDeadline(time.Now().Add(d)) }
	if errs.Is(why, errs.Gone) || errors.Is(why, image.ErrSilent) {
		until(hangUpTime)
		return
	}
	until(leftoverTime)
	_, _ = io.CopyN(io.Discard, r.Body, leftover)
}

// span is a part of the data; whole when the client asked for no part.
type span struct {
	offset, length int64
	whole          bool
}

var errRange = errors.New("range not satisfiable")

// readRange reads the Range header, or the Content-Range that old clients send
// in its place. A range that begins behind the data is errRange.
func readRange(h http.Header, size int64) (span, error) {
	text, old := h.Get("Range"), false
	if text == "" {
		text, old = h.Get("Content-Range"), true
	}
	if text == "" {
		return span{0, size, true}, nil
	}
	if strings.Contains(text, ",") {
		return span{}, errs.New(errs.Invalid, "Requests with multiple ranges are not supported in Glance. You may make multiple single-range requests instead.")
	}
	unit, part, ok := strings.Cut(text, "=")
	if old {
		unit, part, ok = strings.Cut(text, " ")
		part, _, _ = strings.Cut(part, "/")
	}
	from, to, dash := strings.Cut(strings.TrimSpace(part), "-")
	if !ok || !dash || strings.TrimSpace(unit) != "bytes" {
		return span{}, errRange
	}
	if from == "" { // the last bytes
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n <= 0 || size == 0 {
			return span{}, errRange
		}
		n = min(n, size)
		return span{offset: size - n, length: n}, nil
	}
	start, err := strconv.ParseInt(from, 10, 64)
	if err != nil || start < 0 || start >= size {
		return span{}, errRange
	}
	end := size - 1
	if to != "" {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < start {
			return span{}, errRange
		}
		end = min(n, end)
	}
	return span{offset: start, length: end - start + 1}, nil
}

func (f *face) download(r *api.Request) (any, error) {
	i, err := f.svc.Downloadable(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	if !i.HasData() {
		r.SetStatus(http.StatusNoContent)
		return nil, nil
	}
	part, err := readRange(r.Header, *i.Size)
	if errors.Is(err, errRange) {
		r.Writer.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", *i.Size))
		writeFault(r.Writer, r.Request, http.StatusRequestedRangeNotSatisfiable,
			fmt.Sprintf("Invalid start position in Range header. Start position MUST be in the inclusive range [0, %d].", *i.Size-1))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data, err := f.svc.Data(r.Context(), i, part.offset, part.length)
	if err != nil {
		return nil, err
	}
	defer func() { _ = data.Close() }()
	h, status := r.Writer.Header(), http.StatusOK
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(part.length, 10))
	if i.Checksum != "" {
		h.Set("Content-Md5", i.Checksum)
	}
	if !part.whole {
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.offset, part.offset+part.length-1, *i.Size))
	}
	r.Writer.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil, nil
	}
	if n, err := io.Copy(r.Writer, data); err != nil || n != part.length {
		panic(http.ErrAbortHandler) // the headers are out: only a broken connection can tell
	}
	return nil, nil
}
