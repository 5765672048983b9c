package imageapi

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/image"
)

// contentRange is the header of RFC 9110, section 14.4, with a length; the
// form with an asterisk for the range asks how far the upload is.
var contentRange = regexp.MustCompile(`^bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18})$`)

// readContentRange reads the header; ask is that it names no range.
func readContentRange(text string) (part image.Part, ask bool, err error) {
	bad := errs.New(errs.Invalid, "Invalid Content-Range header '%s': it must have the form 'bytes first-last/total' or 'bytes */total'.", text)
	match := contentRange.FindStringSubmatch(text)
	if match == nil {
		return part, false, bad
	}
	for n, to := range []*int64{&part.First, &part.Last, &part.Total} {
		if match[n+1] == "" {
			ask = true
			continue
		}
		if *to, err = strconv.ParseInt(match[n+1], 10, 64); err != nil {
			return part, false, bad
		}
	}
	if part.Total == 0 || !ask && (part.Last < part.First || part.Last >= part.Total) {
		return part, false, bad
	}
	return part, ask, nil
}

// uploadPart takes a part of the data: 202 with the Range that is there, 204
// once that is all, 416 with the Range when the part does not go on from it.
// Glance has no such thing; see docs/decisions/0008-resumable-upload.md.
func (f *face) uploadPart(r *api.Request, store, text string) (any, error) {
	part, ask, err := readContentRange(text)
	if err != nil {
		return nil, err
	}
	if ask {
		return f.askProgress(r, part.Total)
	}
	if _, err := octets(r); err != nil {
		return nil, err
	}
	if r.ContentLength >= 0 && r.ContentLength != part.Last-part.First+1 {
		return nil, errs.New(errs.Invalid, "The body has %d bytes, and its Content-Range %d.", r.ContentLength, part.Last-part.First+1)
	}
	if size := r.Header.Get("X-Openstack-Image-Size"); size != "" && size != strconv.FormatInt(part.Total, 10) {
		return nil, errs.New(errs.Invalid, "The image size in the request headers is not the total of the Content-Range.")
	}
	progress, err := f.svc.UploadPartTo(r.Context(), r.Caller, r.Param("id"), store, part, r.Body)
	if errors.Is(err, image.ErrGap) {
		discard(r, err)
		showProgress(r, progress)
		writeFault(r.Writer, r.Request, http.StatusRequestedRangeNotSatisfiable,
			fmt.Sprintf("The part begins at byte %d, and %d bytes are there: go on from byte %[2]d.", part.First, progress.Held))
		return nil, nil
	}
	if err != nil {
		discard(r, err)
		return nil, err
	}
	answerProgress(r, progress)
	return nil, nil
}

// askProgress answers how far an upload is, to a request without data.
func (f *face) askProgress(r *api.Request, total int64) (any, error) {
	if r.ContentLength != 0 {
		return nil, errs.New(errs.Invalid, "A body is not expected with this Content-Range.")
	}
	progress, err := f.svc.PartProgress(r.Context(), r.Caller, r.Param("id"), total)
	if err != nil {
		return nil, err
	}
	answerProgress(r, progress)
	return nil, nil
}

func showProgress(r *api.Request, p image.Progress) {
	if p.Held > 0 {
		r.Writer.Header().Set("Range", fmt.Sprintf("bytes=0-%d", p.Held-1))
	}
}

// answerProgress sets the answer; the route's own status is that of an upload
// that is complete.
func answerProgress(r *api.Request, p image.Progress) {
	if !p.Done {
		showProgress(r, p)
		r.SetStatus(http.StatusAccepted)
	}
}
