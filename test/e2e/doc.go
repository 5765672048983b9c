// Package e2e proves the whole: a cloud started with its own binary, spoken to
// by the distribution's openstack client, with real guests.
package e2e
