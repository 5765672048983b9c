// Package computetest makes the Compute service with the real slices that it
// stands on, for tests, and Node, a simulated node that makes the desired
// state so and reports it. It imports the slices up to compute and testing.
package computetest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"wisp/internal/compute"
	"wisp/internal/image"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/placement"
	"wisp/internal/policy"
	"wisp/internal/qcow2"
	"wisp/internal/store"
)

// Cloud is a Compute service with what it stands on.
type Cloud struct {
	*compute.Service

	DB        *store.DB
	Images    *image.Service
	Network   *network.Service
	Placement *placement.Service
	Clock     *Clock
	test      testing.TB
}

// Clock is a clock that tests move.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
}

// Now is the time of the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// New makes a cloud on an empty database.
func New(t testing.TB, db *store.DB, change ...func(*compute.Config)) *Cloud {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	blobs, err := image.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	c := &Cloud{
		DB: db, Images: image.New(db, blobs, log, image.Options{Server: "test"}), Network: network.New(db, log, network.Config{PhysicalNetworks: []string{"lan1"}}),
		Placement: placement.New(db, log), Clock: &Clock{}, test: t,
	}
	config := compute.Config{Now: c.Clock.Now}
	for _, f := range change {
		f(&config)
	}
	c.Service = compute.New(db, log, c.Images, c.Placement, c.Network, config)
	return c
}

// Caller returns a member of a project, or with a role another one.
func Caller(user, project string, roles ...string) *policy.Caller {
	if len(roles) == 0 {
		roles = []string{"member", "reader"}
	}
	return &policy.Caller{UserID: user + "-id", UserName: user, ProjectID: project + "-id", ProjectName: project, Roles: roles}
}

// Admin returns an administrator.
func Admin() *policy.Caller {
	return Caller("admin", "admin", "admin", "manager", "member", "reader")
}

// Image makes an active public image and returns its id.
func (c *Cloud) Image(attributes map[string]any) string {
	c.test.Helper()
	all := map[string]any{"name": "guest", "disk_format": "raw", "container_format": "bare", "visibility": "public"}
	for name, value := range attributes {
		all[name] = value
	}
	made, err := c.Images.Create(context.Background(), Admin(), all)
	if err != nil {
		c.test.Fatal(err)
	}
	if err := c.Images.Upload(context.Background(), Admin(), made.ID, bytes.NewReader(make([]byte, 4096)), 4096); err != nil {
		c.test.Fatal(err)
	}
	return made.ID
}

// Flavor makes a public flavor with its id as its name.
func (c *Cloud) Flavor(id string, vcpus, ram, disk int64) string {
	c.test.Helper()
	made, err := c.CreateFlavor(context.Background(), compute.Flavor{ID: id, Name: id, VCPUs: vcpus, MemoryMiB: ram, RootGiB: disk, RxTxFactor: 1, Public: true})
	if err != nil {
		c.test.Fatal(err)
	}
	return made.ID
}

// Subnetwork makes a network with a subnet in the caller's project and
// returns the network's id.
func (c *Cloud) Subnetwork(caller *policy.Caller, name, cidr string) string {
	c.test.Helper()
	made, err := c.Network.CreateNetworks(context.Background(), caller, []network.NetworkSpec{{Name: network.Some(name)}})
	if err != nil {
		c.test.Fatal(err)
	}
	_, err = c.Network.CreateSubnets(context.Background(), caller, []network.SubnetSpec{{
		NetworkID: network.Some(made[0].ID), CIDR: network.Some(cidr), IPVersion: network.Some(4), EnableDHCP: network.Some(true),
	}})
	if err != nil {
		c.test.Fatal(err)
	}
	return made[0].ID
}

// Node is a simulated node: Step compares what should be with what it has,
// converges and reports, as a real one does.
type Node struct {
	Host     string
	Session  string
	Physical []string
	cloud    *Cloud
	capacity nodeapi.Capacity

	mu       sync.Mutex
	machines map[string]*nodeapi.InstanceStatus
	fail     map[string]string // message by display name of the machine
	images   map[string]bool   // that were made of machines
	broken   string            // why no image can be made; empty when they can
}

// Node connects a simulated node, attached to physical networks.
func (c *Cloud) Node(host string, vcpus, memory, disk int, physical ...string) *Node {
	c.test.Helper()
	n := &Node{
		Host: host, Physical: physical, cloud: c, machines: map[string]*nodeapi.InstanceStatus{}, fail: map[string]string{}, images: map[string]bool{},
		capacity: nodeapi.Capacity{
			VCPUs: vcpus, MemoryMiB: memory, DiskGiB: disk, Arch: "x86_64", Hypervisor: "QEMU", HypervisorVersion: 7002013, Accelerator: "tcg", CPUModel: "test",
		},
	}
	n.Connect()
	return n
}

// Connect begins a new session. What the node has stays.
func (n *Node) Connect() {
	n.cloud.test.Helper()
	n.Session = uuid.NewString()
	err := n.cloud.Hello(context.Background(), nodeapi.Hello{
		Host: n.Host, Version: "test", Address: netip.MustParseAddr("127.0.0.1"), Endpoint: netip.MustParseAddr("10.0.0.1"), Physical: n.Physical,
		Capacity: n.capacity, StartedAt: n.cloud.Clock.Now(), Session: n.Session,
	})
	if err != nil {
		n.cloud.test.Fatal(err)
	}
}

// Has tells whether the node has a machine of a server that is not off.
func (n *Node) Has(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.machines[id]
	return m != nil && m.Phase == nodeapi.PhaseRunning
}

// Fail makes the node report a failure for a server instead of running it.
func (n *Node) Fail(id, message string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fail[id] = message
}

// Heal undoes Fail.
func (n *Node) Heal(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.fail, id)
}

// Shutdown lets the guest of a server power itself off.
func (n *Node) Shutdown(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if m := n.machines[id]; m != nil {
		m.Phase, m.Guest, m.Since = nodeapi.PhaseStopped, true, n.cloud.Clock.Now()
	}
}

// Step converges once and reports; it returns what was reported.
func (n *Node) Step() nodeapi.Report {
	n.cloud.test.Helper()
	state, err := n.cloud.HostState(context.Background(), n.Host)
	if err != nil {
		n.cloud.test.Fatal(err)
	}
	report := n.converge(state)
	if err := n.cloud.Report(context.Background(), n.Host, report); err != nil {
		n.cloud.test.Fatal(err)
	}
	n.snapshot(state)
	return report
}

// FailSnapshots makes the node unable to make images, or with an empty text
// able again.
func (n *Node) FailSnapshots(message string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken = message
}

// snapshot makes the images that are asked for, once.
func (n *Node) snapshot(state nodeapi.State) {
	n.cloud.test.Helper()
	for id, want := range state.Instances {
		for _, one := range want.Snapshots {
			n.mu.Lock()
			m := n.machines[id]
			ready := m != nil && n.broken == "" && !n.images[one.ImageID] && (!one.Off || m.Phase == nodeapi.PhaseStopped)
			if ready {
				n.images[one.ImageID] = true
			}
			n.mu.Unlock()
			if !ready {
				continue
			}
			path := filepath.Join(n.cloud.test.TempDir(), "image")
			err := qcow2.Create(path, 1<<20)
			if err == nil {
				err = n.send(one.ImageID, path)
			}
			if err != nil {
				n.cloud.test.Fatal(err)
			}
		}
	}
}

func (n *Node) send(image, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	return n.cloud.SaveImage(context.Background(), n.Host, image, f, -1)
}

func (n *Node) converge(state nodeapi.State) nodeapi.Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	report := nodeapi.Report{Whole: true}
	now := n.cloud.Clock.Now()
	for id := range state.Fenced {
		delete(n.machines, id)
		report.Fenced = append(report.Fenced, id)
	}
	for id := range n.machines {
		if _, wanted := state.Instances[id]; !wanted {
			delete(n.machines, id)
		}
	}
	for id, want := range state.Instances {
		if want.Power == nodeapi.PowerDeleted {
			delete(n.machines, id)
			report.Instances = append(report.Instances, nodeapi.InstanceStatus{ID: id, Phase: nodeapi.PhaseGone, Since: now})
			continue
		}
		have := n.machines[id]
		if have == nil {
			have = &nodeapi.InstanceStatus{ID: id, Since: now}
			n.machines[id] = have
		}
		n.bring(have, want, now)
		have.FailedSnapshots = nil
		for _, one := range want.Snapshots {
			if n.broken != "" {
				have.FailedSnapshots = append(have.FailedSnapshots, nodeapi.FailedSnapshot{ImageID: one.ImageID, Message: n.broken})
			}
		}
		report.Instances = append(report.Instances, *have)
	}
	return report
}

// bring makes one machine what it should be.
func (n *Node) bring(have *nodeapi.InstanceStatus, want nodeapi.Instance, now time.Time) {
	phase := func(p string) {
		if have.Phase != p {
			have.Phase, have.Since, have.Message = p, now, ""
		}
	}
	keep := func() {
		if want.RestoreDisks == "" || have.Kept == want.RestoreDisks {
			have.Kept = want.KeepDisks
		}
	}
	if want.KeepDisks == "" && want.RestoreDisks == "" {
		have.Kept = ""
	}
	message, broken := n.fail[want.ID]
	switch {
	case want.Power == nodeapi.PowerPaused || want.Power == nodeapi.PowerSuspended:
		if have.Phase == nodeapi.PhaseRunning {
			phase(map[string]string{nodeapi.PowerPaused: nodeapi.PhasePaused, nodeapi.PowerSuspended: nodeapi.PhaseSuspended}[want.Power])
		}
	case want.Power == nodeapi.PowerStopped:
		if have.Phase != nodeapi.PhaseStopped {
			phase(nodeapi.PhaseStopped)
			have.Guest = false
		}
		keep()
	case broken:
		if have.Phase != nodeapi.PhaseFailed {
			phase(nodeapi.PhaseFailed)
			have.Message = message
		}
	case have.Phase == nodeapi.PhaseStopped && have.Guest && have.BootGeneration == want.BootGeneration:
		// stays off until somebody asks
	default:
		phase(nodeapi.PhaseRunning)
		have.Guest = false
		if have.BootGeneration != want.BootGeneration || have.ResetGeneration != want.ResetGeneration {
			keep()
		}
		have.BootGeneration, have.ResetGeneration = want.BootGeneration, want.ResetGeneration
	}
}

// Machines is how many machines the node has.
func (n *Node) Machines() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.machines)
}

// Open returns what the image service keeps for an image, for tests of
// OpenImage.
func (c *Cloud) Open(id string) []byte {
	c.test.Helper()
	data, _, err := c.OpenImage(context.Background(), "", id)
	if err != nil {
		c.test.Fatal(err)
	}
	defer func() { _ = data.Close() }()
	content, err := io.ReadAll(data)
	if err != nil {
		c.test.Fatal(err)
	}
	return content
}
