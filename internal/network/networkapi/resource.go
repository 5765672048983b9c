package networkapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"wisp/internal/api"
	"wisp/internal/network"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// resource is the face of one kind of object: S is what requests give of it, T
// what the slice keeps. From it come the five routes that all kinds have.
type resource[S, T any] struct {
	single, plural string // keys of bodies; the policies' names too
	path           string // of the collection
	// looks says that the slice checks the rules of changes itself, once it has
	// read the body and found the object: what a caller does not see is not found,
	// what it sees and may not change is forbidden. The routes have the rule of
	// seeing.
	looks      bool
	attributes []attribute[S]
	readOnly   []string

	create func(ctx context.Context, caller *policy.Caller, specs []S) ([]T, error)
	list   func(ctx context.Context, caller *policy.Caller, l store.List) ([]T, error)
	get    func(ctx context.Context, caller *policy.Caller, id string) (*T, error)
	update func(ctx context.Context, caller *policy.Caller, id string, spec S, e network.Expect) (*T, error) // nil: cannot be changed
	remove func(ctx context.Context, caller *policy.Caller, id string, e network.Expect) error
	view   func(r *api.Request, row *T) any
	id     func(row *T) string
}

func (res resource[S, T]) routes() []api.Route {
	base := "/v2.0/" + res.path
	rule := func(verb string) string {
		if res.looks {
			verb = "get"
		}
		return verb + "_" + res.single
	}
	routes := []api.Route{
		{Method: http.MethodGet, Path: base, Policy: "get_" + res.single, Handler: res.handleList},
		{Method: http.MethodPost, Path: base, Policy: rule("create"), Status: http.StatusCreated, Handler: res.handleCreate},
		{Method: http.MethodGet, Path: base + "/{id}", Policy: "get_" + res.single, Handler: res.handleGet},
		{Method: http.MethodDelete, Path: base + "/{id}", Policy: rule("delete"), Status: http.StatusNoContent, Handler: res.handleDelete},
	}
	if res.update != nil {
		routes = append(routes, api.Route{Method: http.MethodPut, Path: base + "/{id}", Policy: rule("update"), Handler: res.handleUpdate})
	}
	return routes
}

func (res resource[S, T]) handleCreate(r *api.Request) (any, error) {
	body, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	specs, bulk, err := decode(body, res.single, res.plural, res.attributes, res.readOnly, true)
	if err != nil {
		return nil, err
	}
	rows, err := res.create(r.Context(), r.Caller, specs)
	if err != nil {
		return nil, err
	}
	if !bulk {
		return map[string]any{res.single: res.view(r, &rows[0])}, nil
	}
	views := make([]any, len(rows))
	for i := range rows {
		views[i] = res.view(r, &rows[i])
	}
	return map[string]any{res.plural: views}, nil
}

func (res resource[S, T]) handleGet(r *api.Request) (any, error) {
	row, err := res.get(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	view, err := api.Partial(res.view(r, row), r.Query()["fields"])
	return map[string]any{res.single: view}, err
}

func (res resource[S, T]) handleUpdate(r *api.Request) (any, error) {
	body, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	specs, _, err := decode(body, res.single, "", res.attributes, res.readOnly, false)
	if err != nil {
		return nil, err
	}
	expect, err := ifMatch(r)
	if err != nil {
		return nil, err
	}
	row, err := res.update(r.Context(), r.Caller, r.Param("id"), specs[0], expect)
	if err != nil {
		return nil, err
	}
	return map[string]any{res.single: res.view(r, row)}, nil
}

func (res resource[S, T]) handleDelete(r *api.Request) (any, error) {
	expect, err := ifMatch(r)
	if err != nil {
		return nil, err
	}
	return nil, res.remove(r.Context(), r.Caller, r.Param("id"), expect)
}

// ifMatch reads the condition "revision_number=N".
func ifMatch(r *api.Request) (network.Expect, error) {
	header := strings.Trim(r.Header.Get("If-Match"), `"`)
	if header == "" {
		return nil, nil
	}
	name, value, _ := strings.Cut(header, "=")
	n, err := strconv.ParseInt(value, 10, 64)
	if name != "revision_number" || err != nil {
		return nil, badRequest("Invalid value for If-Match: it must be revision_number=<number>")
	}
	return &n, nil
}

func (res resource[S, T]) handleList(r *api.Request) (any, error) {
	return listed(r, res.plural, res.list, res.view, res.id)
}

// listed answers a listing: filters on every query parameter that is not of
// paging, fields, and links to the pages beside it when a limit is given.
func listed[T any](
	r *api.Request, plural string, list func(ctx context.Context, caller *policy.Caller, l store.List) ([]T, error),
	view func(r *api.Request, row *T) any, id func(row *T) string,
) (any, error) {
	return listedIn(r, plural, func(l store.List) ([]T, error) { return list(r.Context(), r.Caller, l) }, view, id)
}

// listedIn is listed with a list that knows who asks and for what.
func listedIn[T any](r *api.Request, plural string, list func(l store.List) ([]T, error), view func(r *api.Request, row *T) any, id func(row *T) string) (any, error) {
	var filters []string
	for name := range r.Query() {
		if !slices.Contains(api.Paging, name) {
			filters = append(filters, name)
		}
	}
	l, err := r.List(0, filters...)
	if err != nil {
		return nil, err
	}
	rows, err := list(l)
	if err != nil {
		return nil, err
	}
	fields := r.Query()["fields"]
	views := make([]any, len(rows))
	for i := range rows {
		if views[i], err = api.Partial(view(r, &rows[i]), fields); err != nil {
			return nil, err
		}
	}
	answer := map[string]any{plural: views}
	if links := pageLinks(r, l, rows, id); len(links) > 0 {
		answer[plural+"_links"] = links
	}
	return answer, nil
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// pageLinks are the links beside a page. Those of Neutron: a page that is not
// full is the last one in its direction, and the one before it has a link even
// where it is the first.
func pageLinks[T any](r *api.Request, l store.List, rows []T, id func(*T) string) []link {
	if l.Limit == 0 {
		return nil
	}
	to := func(rel string, at int, reverse bool) link {
		q := url.Values{}
		for name, values := range r.Query() {
			q[name] = values
		}
		q.Del("marker") // from the end, where there is nothing to go on from
		if len(rows) > 0 {
			q.Set("marker", id(&rows[at]))
		}
		q.Del("page_reverse")
		if reverse {
			q.Set("page_reverse", "True")
		}
		return link{Rel: rel, Href: r.BaseURL() + r.URL.Path + "?" + q.Encode()}
	}
	full := len(rows) == l.Limit
	var links []link
	if full || l.Reverse {
		links = append(links, to("next", len(rows)-1, false))
	}
	if full || !l.Reverse {
		links = append(links, to("previous", 0, true))
	}
	return links
}
