package image

import "wisp/internal/store"

// change is what is told of an image's change: to everyone when everyone may
// use it. Members learn of being added and removed.
func (i *Image) change(action string) store.Change {
	return store.Change{Resource: "image", ID: i.ID, Action: action, ProjectID: i.Owner, Public: i.Visibility == Public || i.Visibility == Community}
}

// memberChange is that of a sharing: the image's own for who it is shared with.
func (i *Image) memberChange(memberID string) store.Change {
	c := i.change(store.Update)
	c.Projects = []string{memberID}
	return c
}
