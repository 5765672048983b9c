package node

import (
	"context"
	"fmt"
)

// problemCloud is the key of a refused server in the report's problems.
const problemCloud = "cloud"

// owner is whose the machines of this host are: of which cloud, and under
// which name this host was known there.
type owner struct{ cloud, host string }

// accept tells whether the server's word may be taken. A server with another
// database, or a host with another name, names none of the machines here: all
// of them would be strangers and go, with their disks. So its word is neither
// taken nor saved, and all stays as it is until a person decides.
func (n *Node) accept(ctx context.Context, u update) bool {
	n.mu.Lock()
	refusal := n.owner.refusal(owner{cloud: u.cloud, host: n.cfg.Host})
	news := refusal != n.book.refusal
	n.book.refusal = refusal
	if refusal == "" {
		n.owner = owner{cloud: u.cloud, host: n.cfg.Host}
	}
	n.mu.Unlock()
	if news && refusal != "" {
		n.log.ErrorContext(ctx, "the word of the server is not taken", "reason", refusal)
	}
	if news {
		n.beatOnce(false)
	}
	return refusal == ""
}

// refusal says why somebody is not the owner, for people; empty when they are
// or nobody is yet.
func (o owner) refusal(other owner) string {
	const remedy = "Machines, disks and network stay as they are. Start wisp with the database and the --host that it had, or remove all of them with wisp purge."
	switch {
	case o.cloud != "" && o.cloud != other.cloud:
		return fmt.Sprintf("What is on this host belongs to cloud %s, but the server's database is that of cloud %q: it was lost or replaced. %s", o.cloud, other.cloud, remedy)
	case o.host != "" && o.host != other.host:
		return fmt.Sprintf("What is on this host belongs to the host %q, but its name is %q now. %s", o.host, other.host, remedy)
	}
	return ""
}
