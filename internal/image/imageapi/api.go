// Package imageapi is the HTTP face of the image slice: the Image API v2 of the
// API reference with metadata definitions. It holds no SQL.
package imageapi

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/metadef"
	"wisp/internal/policy"
)

type face struct {
	svc         *image.Service
	definitions *metadef.Service
}

// New returns the face of the images and of the metadata definitions.
func New(svc *image.Service, definitions *metadef.Service) *api.Service {
	f := &face{svc: svc, definitions: definitions}
	one := "/v2/images/{id}"
	return &api.Service{
		Name: "image", Type: "image", Prefix: "/image",
		Rules:  policy.Merge(image.Rules(), metadef.Rules()),
		Errors: renderError,
		Routes: append([]api.Route{
			{Method: "GET", Path: "/", Policy: api.Public, Status: 300, Handler: f.versions},
			{Method: "GET", Path: "/versions", Policy: api.Public, Handler: f.versions},
			{Method: "GET", Path: "/v2/images", Policy: "get_images", Handler: f.list},
			{Method: "POST", Path: "/v2/images", Policy: "add_image", Status: 201, Handler: f.create},
			{Method: "GET", Path: one, Policy: "get_image", Handler: f.show},
			{Method: "PATCH", Path: one, Policy: "modify_image", Handler: f.patch},
			{Method: "DELETE", Path: one, Policy: "delete_image", Status: 204, Handler: f.remove},
			{Method: "PUT", Path: one + "/file", Policy: "upload_image", Status: 204, MaxBody: -1, Handler: f.upload},
			{Method: "GET", Path: one + "/file", Policy: "download_image", Handler: f.download},
			{Method: "POST", Path: one + "/actions/deactivate", Policy: "deactivate", Status: 204, Handler: f.activation(false)},
			{Method: "POST", Path: one + "/actions/reactivate", Policy: "reactivate", Status: 204, Handler: f.activation(true)},
			{Method: "PUT", Path: one + "/tags/{tag}", Policy: "modify_image", Status: 204, Handler: f.addTag},
			{Method: "DELETE", Path: one + "/tags/{tag}", Policy: "modify_image", Status: 204, Handler: f.removeTag},
			{Method: "GET", Path: one + "/members", Policy: "get_members", Handler: f.listMembers},
			{Method: "POST", Path: one + "/members", Policy: "add_member", Handler: f.addMember},
			{Method: "GET", Path: one + "/members/{member}", Policy: "get_member", Handler: f.showMember},
			{Method: "PUT", Path: one + "/members/{member}", Policy: "modify_member", Handler: f.answerMember},
			{Method: "DELETE", Path: one + "/members/{member}", Policy: "delete_member", Status: 204, Handler: f.removeMember},
			{Method: "GET", Path: "/v2/schemas/image", Policy: "get_images", Handler: f.schema(imageSchema)},
			{Method: "GET", Path: "/v2/schemas/images", Policy: "get_images", Handler: f.schema(imagesSchema)},
			{Method: "GET", Path: "/v2/schemas/member", Policy: "get_images", Handler: f.schema(memberSchema)},
			{Method: "GET", Path: "/v2/schemas/members", Policy: "get_images", Handler: f.schema(membersSchema)},
			{Method: "GET", Path: "/v2/schemas/task", Policy: "get_images", Handler: f.schema(taskSchema)},
			{Method: "GET", Path: "/v2/schemas/tasks", Policy: "get_images", Handler: f.schema(tasksSchema)},
			{Method: "GET", Path: "/v2/info/import", Policy: "get_images", Handler: f.importInfo},
			{Method: "GET", Path: "/v2/info/stores", Policy: "get_images", Handler: f.stores},
			{Method: "GET", Path: "/v2/info/stores/detail", Policy: "stores_info_detail", Handler: f.storesDetail},
			{Method: "GET", Path: "/v2/info/usage", Policy: "get_images", Handler: f.usage},
			{Method: "GET", Path: "/v2/cache", Policy: "cache_list", Handler: f.cacheState},
			{Method: "DELETE", Path: "/v2/cache", Policy: "cache_delete", Status: 204, Handler: f.clearCache},
			{Method: "PUT", Path: "/v2/cache/{id}", Policy: "cache_image", Status: 202, Handler: f.queueForCache},
			{Method: "DELETE", Path: "/v2/cache/{id}", Policy: "cache_delete", Status: 204, Handler: f.dropFromCache},
			{Method: "PUT", Path: one + "/stage", Policy: "modify_image", Status: 204, MaxBody: -1, Handler: f.stage},
			{Method: "POST", Path: one + "/import", Policy: "modify_image", Status: 202, Handler: f.importImage},
			{Method: "GET", Path: one + "/tasks", Policy: "get_image", Handler: f.imageTasks},
			{Method: "DELETE", Path: "/v2/stores/{store}/{id}", Policy: "delete_image_location", Status: 204, Handler: f.deleteFromStore},
			{Method: "GET", Path: "/v2/tasks", Policy: "tasks_api_access", Handler: f.listTasks},
			{Method: "GET", Path: "/v2/tasks/{task}", Policy: "tasks_api_access", Handler: f.showTask},
		}, f.metadefRoutes()...),
	}
}

// versions says which minor versions there are, as Glance does: 2.14 and 2.16
// are of an image cache; 2.10 and 2.11 of what deletes from stores and copies
// between them. 2.8, 2.12, 2.13 and 2.15 bring the list of stores, the tasks of
// an image, the usage and the details of stores.
func (f *face) versions(r *api.Request) (any, error) {
	var list []any
	add := func(status string, minor int) {
		list = append(list, map[string]any{
			"id": fmt.Sprintf("v2.%d", minor), "status": status,
			"links": []any{map[string]string{"rel": "self", "href": r.ServiceURL() + "/v2/"}},
		})
	}
	if f.svc.HasCache() {
		add("CURRENT", 16)
		add("SUPPORTED", 15)
		add("SUPPORTED", 14)
	} else {
		add("CURRENT", 15)
	}
	for _, minor := range []int{13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0} {
		add("SUPPORTED", minor)
	}
	return map[string]any{"versions": list}, nil
}

// renderError writes the body that webob does: JSON for clients that ask for
// it, else HTML. Only an authentication failure has the form of the
// middleware before Glance.
func renderError(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	if e.Kind == errs.Unauthenticated {
		api.WriteJSON(w, r, status, map[string]any{"error": map[string]any{"message": e.Message, "code": status, "title": api.Title(status)}})
		return
	}
	writeFault(w, r, status, e.Message)
}

func writeFault(w http.ResponseWriter, r *http.Request, status int, message string) {
	line := fmt.Sprintf("%d %s", status, api.Title(status))
	if prefersJSON(r.Header.Get("Accept")) {
		api.WriteJSON(w, r, status, map[string]any{"message": message, "code": line, "title": api.Title(status)})
		return
	}
	page := fmt.Sprintf("<html>\n <head>\n  <title>%[1]s</title>\n </head>\n <body>\n  <h1>%[1]s</h1>\n  %[2]s<br /><br />\n\n\n\n </body>\n</html>",
		line, html.EscapeString(message))
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.Header().Set("Content-Length", fmt.Sprint(len(page)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(page))
	}
}

// prefersJSON tells whether JSON is named in an Accept header and HTML isn't.
func prefersJSON(accept string) bool {
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// decode reads a JSON body into v, keeping numbers as they were written.
func decode(r *api.Request, v any) error {
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return errs.New(errs.Invalid, "Body expected in request.")
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(v); err != nil || decoder.More() {
		return errs.Wrap(err, errs.Invalid, "Malformed JSON in request body.")
	}
	return nil
}

// noBody refuses a body where there is nothing to say.
func noBody(r *api.Request) error {
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	if len(body) > 0 {
		return errs.New(errs.Invalid, "A body is not expected with this request.")
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// null is a value that nobody set.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
