package identity

import "wisp/internal/store"

// changeOf is what is told of a change: of a project to who has a role in it,
// of a user to the user, of the rest to administrators, as the API's rules have
// it. The kinds are those of notFound.
func changeOf(what, id, action string) store.Change {
	c := store.Change{Resource: what, ID: id, Action: action}
	switch what {
	case "project":
		c.ProjectID = id
	case "user":
		c.UserID = id
	case "region":
		c.Public = true // everyone may list them
	case "service":
		c.Resource = "catalog_service" // "service" is one of compute's
	}
	return c
}

// change of an assignment is told to its user too. An assignment has no id: its
// role's stands for it.
func (a Assignment) change(action string) store.Change {
	return store.Change{Resource: "role_assignment", ID: a.RoleID, Action: action, UserID: a.UserID}
}

func credentialChange(userID, id, action string) store.Change {
	return store.Change{Resource: "application_credential", ID: id, Action: action, UserID: userID}
}

// memberChange is that of a group's members, told to the one concerned.
func memberChange(groupID, userID string) store.Change {
	return store.Change{Resource: "group", ID: groupID, Action: store.Update, UserID: userID}
}
