package node

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"wisp/internal/hypervisor"
	"wisp/internal/nodeapi"
)

// story is what this node has seen of one instance's creation. Each step is
// told once; it is kept for a while, as no report is acknowledged.
type story struct {
	open    map[string]time.Time // steps that have begun
	steps   []nodeapi.Step
	fetched map[string]int64 // sizes of the images that were not here, by id
}

// storyKept is how long a story is told after its last step: longer than a
// server needs to come back and hear a whole report.
const storyKept = 10 * time.Minute

// begin notes that a step has begun, unless it has.
func (s *story) begin(step string) {
	if _, begun := s.open[step]; !begun {
		s.open[step] = time.Now()
	}
}

func (s *story) has(step string) bool {
	for _, told := range s.steps {
		if told.Name == step {
			return true
		}
	}
	return false
}

// end notes a step, which began at some time, as over.
func (s *story) end(step string, began time.Time, failed bool, details string) {
	finish := time.Now()
	delete(s.open, step)
	if !s.has(step) {
		s.steps = append(s.steps, nodeapi.Step{
			Name: step, Start: began.UTC().Truncate(time.Microsecond), Finish: finish.UTC().Truncate(time.Microsecond), Failed: failed, Details: details,
		})
	}
}

// creating returns the story of an instance that has never run here, and nil
// for any other. The caller holds mu.
func (n *Node) creating(id string) *story {
	if told := n.book.stories[id]; told != nil {
		return told
	}
	if status, known := n.book.statuses[id]; known && status.BootGeneration >= 0 {
		return nil
	}
	told := &story{open: map[string]time.Time{}, fetched: map[string]int64{}}
	n.book.stories[id] = told
	return told
}

// begins notes that a step of an instance's creation has begun.
func (n *Node) begins(id, step string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if told := n.creating(id); told != nil && !told.has(step) {
		told.begin(step)
	}
}

// ends notes that a step of an instance's creation is over. details is asked
// only then; it gets how long the step took.
func (n *Node) ends(id, step string, details func(took time.Duration) string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	told := n.book.stories[id]
	if told == nil {
		return
	}
	if began, begun := told.open[step]; begun {
		told.end(step, began, false, details(time.Since(began)))
	}
}

// fetches notes that an instance's creation waits for an image.
func (n *Node) fetches(id string, image nodeapi.Image) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if told := n.book.stories[id]; told != nil {
		told.fetched[image.ID] = image.Size
	}
}

// imagesThere notes that an instance has its images. The caller does not hold
// mu.
func (n *Node) imagesThere(instance nodeapi.Instance) {
	images := imagesOf(instance)
	n.ends(instance.ID, nodeapi.StepImageFetch, func(took time.Duration) string {
		fetched, total := n.book.stories[instance.ID].fetched, int64(0)
		for _, size := range fetched {
			total += size
		}
		noun := "The image was"
		if len(images) > 1 {
			noun = "The image, its kernel and its ramdisk were"
		}
		if len(fetched) == 0 {
			return noun + " in the host's cache already; nothing was fetched."
		}
		return fmt.Sprintf("%s fetched from the image service and checked: %d bytes (%s) in %s.", noun, total, sizeText(total), took.Round(time.Millisecond))
	})
}

// broken notes that what was being done for an instance's creation failed.
func (n *Node) broken(id, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	told := n.book.stories[id]
	if told == nil {
		return
	}
	for step, began := range told.open {
		told.end(step, began, true, why)
	}
}

// machineStarted notes what a call of the driver did that started a process.
func (n *Node) machineStarted(instance nodeapi.Instance, spec hypervisor.Spec, status hypervisor.Status, c hypervisor.Capabilities) {
	n.mu.Lock()
	defer n.mu.Unlock()
	told := n.book.stories[instance.ID]
	if told == nil || told.has(nodeapi.StepStart) {
		return
	}
	delete(told.open, nodeapi.StepStart)
	told.steps = append(told.steps, nodeapi.Step{
		Name: nodeapi.StepPrepareDisk, Start: status.Began.UTC().Truncate(time.Microsecond), Finish: status.Prepared.UTC().Truncate(time.Microsecond),
		Details: diskDetails(spec),
	})
	how := "with the acceleration " + c.Accelerator
	switch c.Accelerator {
	case "kvm":
		how = "on the host's own processors (KVM)"
	case "tcg":
		how = "with its processors emulated in software (TCG)"
	}
	processors := "1 virtual processor"
	if spec.VCPUs > 1 {
		processors = fmt.Sprintf("%d virtual processors", spec.VCPUs)
	}
	details := fmt.Sprintf("%s runs the machine with %s and %d MiB of memory, %s.", c.HypervisorType, processors, spec.MemoryMiB, how)
	if c.AcceleratorReason != "" {
		details += "\n" + c.HypervisorVersion + "; " + c.AcceleratorReason
	}
	told.end(nodeapi.StepStart, status.Prepared, false, details)
}

func diskDetails(spec hypervisor.Spec) string {
	var made []string
	switch {
	case spec.Image != nil && spec.RootGiB > 0:
		made = append(made, fmt.Sprintf("a root disk of %d GiB, which holds only what differs from the image", spec.RootGiB))
	case spec.Image != nil:
		made = append(made, "a root disk of the image's size, which holds only what differs from it")
	case spec.RootGiB > 0:
		made = append(made, fmt.Sprintf("an empty root disk of %d GiB", spec.RootGiB))
	}
	if spec.EphemeralGiB > 0 {
		made = append(made, fmt.Sprintf("an ephemeral disk of %d GiB", spec.EphemeralGiB))
	}
	if spec.SwapMiB > 0 {
		made = append(made, fmt.Sprintf("swap of %d MiB", spec.SwapMiB))
	}
	if spec.ConfigDrive != nil {
		made = append(made, "a config drive")
	}
	if len(made) == 0 {
		return "The machine has no disks."
	}
	return "Made " + strings.Join(made, ", ") + "."
}

// leased is told of the answers that DHCP gave. The first lease after this
// node started a new machine belongs to the machine's creation.
func (n *Node) leased(portID string, address netip.Addr, final bool, lease nodeapi.Lease) {
	n.mu.Lock()
	id := n.byPort[portID]
	told := n.book.stories[id]
	started := told != nil && (told.has(nodeapi.StepStart) || n.book.statuses[id].Phase == nodeapi.PhasePreparing)
	if !started || told.has(nodeapi.StepLease) {
		n.mu.Unlock()
		return
	}
	told.begin(nodeapi.StepLease)
	if !final {
		n.mu.Unlock()
		return
	}
	told.end(nodeapi.StepLease, told.open[nodeapi.StepLease], false,
		fmt.Sprintf("The guest took %s by DHCP on port %s, for %d seconds.", address, portID, lease.Seconds))
	n.mu.Unlock()
	n.retell(id)
}

// retell reports an instance's status again, with the steps that are new.
func (n *Node) retell(id string) {
	n.telling.Lock()
	defer n.telling.Unlock()
	n.mu.Lock()
	status, known := n.book.statuses[id]
	news := known && n.book.set(status)
	status = n.book.statuses[id]
	n.mu.Unlock()
	if !news {
		return
	}
	report := n.report()
	report.Instances = []nodeapi.InstanceStatus{status}
	n.send(report)
}

// forgetStories ends the stories whose last step the server has had time to
// hear of.
func (n *Node) forgetStories(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, told := range n.book.stories {
		if last := len(told.steps) - 1; last < 0 || len(told.open) > 0 && !told.has(nodeapi.StepStart) || now.Sub(told.steps[last].Finish) < storyKept {
			continue
		}
		delete(n.book.stories, id)
		if status, known := n.book.statuses[id]; known {
			status.Steps = nil
			n.book.statuses[id] = status
		}
	}
}
