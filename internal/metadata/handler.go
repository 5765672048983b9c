package metadata

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"wisp/internal/errs"
)

// Handler serves the metadata of whichever instance lookup says the request
// comes from. lookup must judge by the connection (the remote address, given
// by the kernel), never by a header; it returns false for a caller that is
// no instance, who gets 404. Paths, listings and trailing slashes are as
// Nova's: Source: api/metadata of Nova, and its user guide.
//
// save, when it is not nil, keeps a password that an instance tells: once, in a
// POST. Its errors are of kind Conflict when there is one already.
func Handler(lookup func(*http.Request) (*Document, bool), save func(ctx context.Context, instanceID, password string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc, known := lookup(r)
		if !known {
			http.NotFound(w, r)
			return
		}
		content, kind, found, err := answer(doc, r.URL.Path)
		switch {
		case err != nil:
			http.Error(w, "The metadata could not be rendered.", http.StatusInternalServerError)
		case !found:
			http.NotFound(w, r)
		case r.Method == http.MethodPost && save != nil && path.Base(r.URL.Path) == passwordFile:
			takePassword(w, r, doc, save)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "This can only be read.", http.StatusMethodNotAllowed)
		default:
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			if r.Method == http.MethodGet {
				_, _ = bytes.NewReader(content).WriteTo(w) // a guest that hung up needs no answer
			}
		}
	})
}

// maxPassword is what Nova keeps of a password, in bytes.
const maxPassword = 4 * 255

func takePassword(w http.ResponseWriter, r *http.Request, doc *Document, save func(context.Context, string, string) error) {
	password, err := io.ReadAll(io.LimitReader(r.Body, maxPassword+1))
	switch {
	case err != nil:
		http.Error(w, "The password did not come to its end.", http.StatusBadRequest)
		return
	case len(password) > maxPassword:
		http.Error(w, "The password is too long.", http.StatusBadRequest)
		return
	case doc.Password != "":
		http.Error(w, "There is a password already.", http.StatusConflict)
		return
	}
	switch err := save(r.Context(), doc.UUID, string(password)); {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case errs.Is(err, errs.Conflict):
		http.Error(w, "There is a password already.", http.StatusConflict)
	default:
		http.Error(w, "The password cannot be kept now; try again.", http.StatusServiceUnavailable)
	}
}

const (
	plainText = "text/plain; charset=UTF-8"
	jsonText  = "application/json"
)

// answer finds what a path shows.
func answer(doc *Document, at string) (content []byte, kind string, found bool, err error) {
	tokens := strings.Split(strings.Trim(path.Clean("/"+at), "/"), "/")
	if tokens[0] == "openstack" {
		return answerOpenStack(doc, tokens[1:])
	}
	// Everything else is of the EC2 form, which may be named or not.
	if tokens[0] == "ec2" {
		tokens = tokens[1:]
	}
	if len(tokens) == 0 || tokens[0] == "" {
		return listing(ec2Versions), plainText, true, nil
	}
	version, known := dated(tokens[0], ec2Versions)
	if !known {
		return nil, "", false, nil
	}
	e := ec2Tree(doc, version).find(tokens[1:])
	if e == nil {
		return nil, "", false, nil
	}
	return e.render(), plainText, true, nil
}

func answerOpenStack(doc *Document, tokens []string) (content []byte, kind string, found bool, err error) {
	if len(tokens) == 0 {
		return listing(openstackVersions), plainText, true, nil
	}
	version, known := dated(tokens[0], openstackVersions)
	if !known {
		return nil, "", false, nil
	}
	files := openstackFiles(doc, version)
	switch {
	case len(tokens) == 1:
		return []byte(strings.Join(files, "\n")), plainText, true, nil
	case len(tokens) > 2 || !slices.Contains(files, tokens[1]):
		return nil, "", false, nil
	}
	content, err = openstackFile(doc, version, tokens[1], false)
	if kind = plainText; strings.HasSuffix(tokens[1], ".json") {
		kind = jsonText
	}
	return content, kind, true, err
}

func listing(versions []string) []byte {
	return []byte(strings.Join(append(slices.Clone(versions), latest), "\n"))
}
