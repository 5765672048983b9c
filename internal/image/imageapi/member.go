package imageapi

import (
	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/image"
)

type wireMember struct {
	MemberID  string `json:"member_id"`
	ImageID   string `json:"image_id"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	Schema    string `json:"schema"`
}

func memberView(m image.Member) wireMember {
	return wireMember{m.MemberID, m.ImageID, m.Status, stamp(m.CreatedAt), stamp(m.UpdatedAt), "/v2/schemas/member"}
}

func (f *face) listMembers(r *api.Request) (any, error) {
	found, err := f.svc.Members(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	members := make([]wireMember, len(found))
	for n, m := range found {
		members[n] = memberView(m)
	}
	return map[string]any{"members": members, "schema": "/v2/schemas/members"}, nil
}

// word reads the one member that a body must have.
func word(r *api.Request, name, missing string) (string, error) {
	var body any
	if err := decode(r, &body); err != nil {
		return "", err
	}
	object, ok := body.(map[string]any)
	if !ok {
		return "", errs.New(errs.Invalid, `Expected a %[1]s in the form: {"%[1]s": "%[1]s"}`, name)
	}
	value, ok := object[name].(string)
	if !ok {
		return "", errs.New(errs.Invalid, "%s", missing)
	}
	return value, nil
}

func (f *face) addMember(r *api.Request) (any, error) {
	id, err := word(r, "member", "Member to be added not specified")
	if err != nil {
		return nil, err
	}
	m, err := f.svc.AddMember(r.Context(), r.Caller, r.Param("id"), id)
	if err != nil {
		return nil, err
	}
	return memberView(m), nil
}

func (f *face) showMember(r *api.Request) (any, error) {
	m, err := f.svc.Member(r.Context(), r.Caller, r.Param("id"), r.Param("member"))
	if err != nil {
		return nil, err
	}
	return memberView(m), nil
}

func (f *face) answerMember(r *api.Request) (any, error) {
	status, err := word(r, "status", "Status not specified")
	if err != nil {
		return nil, err
	}
	m, err := f.svc.SetMemberStatus(r.Context(), r.Caller, r.Param("id"), r.Param("member"), status)
	if err != nil {
		return nil, err
	}
	return memberView(m), nil
}

func (f *face) removeMember(r *api.Request) (any, error) {
	if err := noBody(r); err != nil {
		return nil, err
	}
	return nil, f.svc.RemoveMember(r.Context(), r.Caller, r.Param("id"), r.Param("member"))
}
