package computeapi

import (
	"net/http"
	"regexp"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/policy"
)

// ofUser is whose keypairs a request is about: the caller's, or from 2.10 on
// those of the user that the query names.
func ofUser(r *api.Request) policy.Target {
	return policy.Target{ProjectID: r.Caller.ProjectID, UserID: keypairUser(r)}
}

func keypairUser(r *api.Request) string {
	if id := r.Query().Get("user_id"); id != "" && r.Version >= 10 {
		return id
	}
	return r.Caller.UserID
}

func (f *face) keypairRoutes() []api.Route {
	rule := base + "os-keypairs:"
	return []api.Route{
		{Method: "GET", Path: "/os-keypairs", Policy: rule + "index", Target: ofUser, Handler: f.listKeypairs},
		{Method: "POST", Path: "/os-keypairs", Policy: rule + "create", Handler: f.createKeypair},
		{Method: "GET", Path: "/os-keypairs/{id}", Policy: rule + "show", Target: ofUser, Handler: f.showKeypair},
		{Method: "DELETE", Path: "/os-keypairs/{id}", Policy: rule + "delete", Target: ofUser, Handler: f.deleteKeypair},
	}
}

type keypairView struct {
	Name        string `json:"name"`
	PublicKey   string `json:"public_key"`
	Fingerprint string `json:"fingerprint"`
	Type        string `json:"type,omitempty"` // 2.2
	PrivateKey  string `json:"private_key,omitempty"`
	UserID      string `json:"user_id,omitempty"`
}

type keypairDetail struct {
	keypairView
	ID        int64 `json:"id"`
	Deleted   bool  `json:"deleted"`
	CreatedAt any   `json:"created_at"`
	UpdatedAt any   `json:"updated_at"`
	DeletedAt any   `json:"deleted_at"`
}

func viewKeypair(r *api.Request, pair compute.Keypair) keypairView {
	v := keypairView{Name: pair.Name, PublicKey: pair.PublicKey, Fingerprint: pair.Fingerprint}
	if r.Version >= 2 {
		v.Type = pair.Type
	}
	return v
}

func (f *face) listKeypairs(r *api.Request) (any, error) {
	known := []string{"user_id"}
	limit, marker := 0, ""
	if r.Version >= 35 {
		var err error
		if limit, marker, err = page(r); err != nil {
			return nil, err
		}
		known = append(known, "limit", "marker")
	}
	if err := noUnknown(r, known...); err != nil {
		return nil, err
	}
	if r.Version >= 35 && none(r) {
		return map[string]any{"keypairs": []any{}}, nil
	}
	pairs, err := f.svc.ListKeypairs(r.Context(), keypairUser(r), marker, limit)
	if err != nil {
		return nil, err
	}
	views := make([]map[string]keypairView, len(pairs))
	for i, pair := range pairs {
		views[i] = map[string]keypairView{"keypair": viewKeypair(r, pair)}
	}
	body := map[string]any{"keypairs": views}
	if len(pairs) > 0 && r.Query().Has("limit") {
		if more := next(r, len(pairs), limit, pairs[len(pairs)-1].Name); more != nil {
			body["keypairs_links"] = more
		}
	}
	return body, nil
}

func keypairBody(version int) *schema {
	name := schema{types: []string{"string"}, format: "name", minLength: 1, maxLength: 255, pattern: regexp.MustCompile(`^[_\- a-zA-Z0-9]+$`)}
	required := []string{"name"}
	if version >= 92 {
		name.pattern = regexp.MustCompile(`^[_\-@. a-zA-Z0-9]+$`)
		required = append(required, "public_key")
	}
	kind := schema{types: []string{"string"}, enum: []any{compute.KeypairSSH, compute.KeypairX509}}
	user := schema{types: []string{"string"}, pattern: projectIDs.pattern, minLength: 1, maxLength: 255}
	return wrapped("keypair", object(map[string]*schema{
		"name": &name, "public_key": {types: []string{"string"}, maxLength: 16384}, "type": kind.since(2), "user_id": user.since(10),
	}, required...))
}

func (f *face) createKeypair(r *api.Request) (any, error) {
	var body struct {
		Keypair struct {
			Name      string
			PublicKey *string `json:"public_key"`
			Type      string
			UserID    string `json:"user_id"`
		}
	}
	if err := bind(r, keypairBody(r.Version), &body); err != nil {
		return nil, err
	}
	in := body.Keypair
	pair := compute.Keypair{Name: in.Name, Type: in.Type, UserID: in.UserID}
	if pair.Type == "" {
		pair.Type = compute.KeypairSSH
	}
	if pair.UserID == "" {
		pair.UserID = r.Caller.UserID
	}
	if err := r.Allow(base+"os-keypairs:create", policy.Target{UserID: pair.UserID}); err != nil {
		return nil, err
	}
	if in.PublicKey != nil {
		pair.PublicKey = *in.PublicKey
		if pair.PublicKey == "" {
			pair.PublicKey = " " // given and empty: refused as a key, not taken for a wish to generate one
		}
	}
	made, err := f.svc.CreateKeypair(r.Context(), r.Caller, pair)
	if err != nil {
		return nil, err
	}
	if r.Version >= 2 {
		r.SetStatus(http.StatusCreated)
	}
	view := viewKeypair(r, made)
	view.PrivateKey, view.UserID = made.PrivateKey, made.UserID
	return map[string]any{"keypair": view}, nil
}

func (f *face) showKeypair(r *api.Request) (any, error) {
	pair, err := f.svc.GetKeypair(r.Context(), keypairUser(r), r.Param("id"))
	if err != nil {
		return nil, err
	}
	view := keypairDetail{keypairView: viewKeypair(r, pair), ID: pair.Number, CreatedAt: micro(pair.CreatedAt)}
	view.UserID = pair.UserID
	return map[string]any{"keypair": view}, nil
}

func (f *face) deleteKeypair(r *api.Request) (any, error) {
	r.SetStatus(http.StatusAccepted)
	if r.Version >= 2 {
		r.SetStatus(http.StatusNoContent)
	}
	return nil, f.svc.DeleteKeypair(r.Context(), keypairUser(r), r.Param("id"))
}
