package placement

import "wisp/internal/store"

// changeOf is what administrators are told of a provider's change, to whom
// alone the API shows them. It stands for inventories, traits and usage too.
func changeOf(providerID, action string) store.Change {
	return store.Change{Resource: "resource_provider", ID: providerID, Action: action}
}

func (v vocabulary) change(name, action string) store.Change {
	return store.Change{Resource: v.resource, ID: name, Action: action}
}
