package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/reconcile"
)

// The tasks of the host as a whole.
const (
	taskNetwork   = "network"
	taskStrangers = "strangers"
	taskImages    = "images"
	taskFence     = "fence"
)

const refusedRetry = 5 * time.Second

func (n *Node) reconcileHost(ctx context.Context, task string) (reconcile.Result, error) {
	switch task {
	case taskNetwork:
		return n.reconcileNetwork(ctx)
	case taskStrangers:
		return n.removeStrangers(ctx)
	case taskFence:
		return n.reconcileFence(ctx)
	}
	return n.keepImages()
}

// reconcileNetwork makes the host's network so. Without a word of the server
// it leaves all as it is: an empty network would cut the guests off.
func (n *Node) reconcileNetwork(ctx context.Context) (reconcile.Result, error) {
	n.mu.Lock()
	wanted, known := n.desired.Network, n.known
	n.mu.Unlock()
	if !known {
		return reconcile.Result{}, nil
	}
	report, err := n.cfg.Dataplane.Apply(ctx, wanted)
	if err == nil && report.Changed == 0 {
		var again dataplane.Report
		if again, err = n.cfg.Dataplane.Resync(ctx); err == nil {
			report.Drift += again.Drift
			maps.Copy(notNil(&report.Refused), again.Refused)
			report.Conflicts, report.Yielded = again.Conflicts, again.Yielded // as it is by now
		}
	}
	if err != nil {
		err = fmt.Errorf("applying the network: %w", err)
	}
	n.networkDone(wanted, report, err)
	n.tellFindings()
	result := reconcile.Result{Drift: report.Drift}
	if len(report.Refused) > 0 {
		result.Again = refusedRetry
	}
	return result, err
}

func notNil(m *map[string]error) map[string]error {
	if *m == nil {
		*m = map[string]error{}
	}
	return *m
}

// networkDone records what the dataplane made, and wakes the instances that
// waited for it.
func (n *Node) networkDone(wanted intent.State, report dataplane.Report, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		n.disputed = disputes(report)
	}
	problems := map[string]string{}
	maps.Copy(problems, n.disputed)
	for id, why := range report.Refused {
		problems[id] = message(why)
	}
	if err != nil {
		problems[taskNetwork] = message(err)
	}
	n.book.network = problems
	failed := n.networkErr != nil
	n.networkErr = err
	var wake []string
	if err != nil {
		if !failed {
			wake = slices.Collect(maps.Keys(n.desired.Instances)) // those that wait learn why
		}
	} else {
		plugged := map[string]bool{}
		for id, port := range wanted.Ports {
			if !port.Local {
				continue
			}
			plugged[id] = true
			if owner := n.byPort[id]; owner != "" && !n.plugged[id] {
				wake = append(wake, owner)
			}
		}
		n.plugged = plugged
	}
	n.vms.Signal(wake...)
}

// disputes are the routers of which somebody else has what this host should
// have, by id.
func disputes(report dataplane.Report) map[string]string {
	problems := map[string]string{}
	for _, id := range report.Yielded {
		problems[id] = "Another host says that it carries the gateway of this router, so this one sends it what comes."
	}
	said := map[string][]string{}
	for _, c := range report.Conflicts {
		said[c.Router] = append(said[c.Router], fmt.Sprintf("Somebody else on the network %s, with the MAC %s, says to have the address %s of this router.", c.Network, c.MAC, c.Address))
	}
	for id, sentences := range said {
		slices.Sort(sentences) // they come in no order
		if first := problems[id]; first != "" {
			sentences = append([]string{first}, sentences...)
		}
		problems[id] = strings.Join(sentences, " ")
	}
	return problems
}

// awaited returns a port of the instance that the dataplane has yet to make;
// the error is why it cannot. The caller holds mu.
func (n *Node) awaited(instance nodeapi.Instance) (port string, err error) {
	for _, p := range instance.Ports {
		if _, wanted := n.desired.Network.Ports[p.PortID]; wanted && !n.plugged[p.PortID] {
			return p.PortID, n.networkErr
		}
	}
	return "", nil
}

// removeStrangers removes the machines that the server does not name. Only
// the word of a server in this node's life counts: what was saved may be from
// before they were made.
func (n *Node) removeStrangers(ctx context.Context) (reconcile.Result, error) {
	n.mu.Lock()
	current := n.current
	n.mu.Unlock()
	if !current {
		return reconcile.Result{}, nil
	}
	machines, err := n.cfg.Driver.List(ctx)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("listing the machines: %w", err)
	}
	present := map[string]bool{}
	var due []string
	var result reconcile.Result
	n.mu.Lock()
	for _, machine := range machines {
		if _, ours := n.desired.Instances[machine.ID]; ours {
			continue
		}
		if _, fenced := n.fence.ids[machine.ID]; fenced {
			continue // it has a task of its own, and no grace
		}
		present[machine.ID] = true
		since, seen := n.strangers[machine.ID]
		if !seen {
			since = time.Now()
			n.strangers[machine.ID] = since
		}
		if wait := n.cfg.StrangerGrace - time.Since(since); wait > 0 {
			if result.Again == 0 || wait < result.Again {
				result.Again = wait
			}
		} else {
			due = append(due, machine.ID)
		}
	}
	maps.DeleteFunc(n.strangers, func(id string, _ time.Time) bool { return !present[id] })
	n.mu.Unlock()
	var failed []error // one that stays does not keep the others
	for _, id := range due {
		if err := n.removeStranger(ctx, id); err != nil {
			failed = append(failed, err)
			continue
		}
		result.Drift++
	}
	return result, errors.Join(failed...)
}

func (n *Node) removeStranger(ctx context.Context, id string) error {
	n.mu.Lock()
	_, ours := n.desired.Instances[id]
	n.mu.Unlock()
	if ours {
		return nil
	}
	n.log.WarnContext(ctx, "removing a machine that the server does not know", "instance", id)
	if err := n.cfg.Driver.Remove(ctx, id); err != nil {
		return errs.Wrap(err, errs.Of(err), "The unknown machine %s could not be removed.", id)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.strangers, id)
	if _, ours := n.desired.Instances[id]; ours {
		n.vms.Signal(id) // it has just become ours: make it again
	} else {
		n.book.drop(id)
	}
	return nil
}

// keepImages fetches the images that this host shall have at hand, and removes
// those that it need not have and no instance boots from.
func (n *Node) keepImages() (reconcile.Result, error) {
	n.mu.Lock()
	var wanted, used []*nodeapi.Image
	for _, image := range n.desired.Images {
		wanted = append(wanted, partsOf(&image)...)
	}
	for _, instance := range n.desired.Instances {
		used = append(used, imagesOf(instance)...)
	}
	current := n.current
	n.mu.Unlock()
	if !current {
		return reconcile.Result{}, nil
	}
	inUse := map[string]bool{}
	for _, image := range slices.Concat(wanted, used) {
		if checkImage(*image) == nil {
			inUse[fileName(*image)] = true
		}
	}
	if _, err := n.images.evict(inUse, keepUnused); err != nil {
		return reconcile.Result{}, err
	}
	var result reconcile.Result
	for _, image := range wanted {
		// What fails is in the log, and is tried again when it is due.
		if path, err := n.images.get(*image, ""); path == "" && !errs.Is(err, errs.Invalid) {
			result.Again = refusedRetry
		}
	}
	return result, nil
}
