package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/metadata"
	"wisp/internal/nodeapi"
	"wisp/internal/reconcile"
)

// crash counts how often a machine's process died by itself.
type crash struct {
	count int
	last  time.Time
}

const (
	crashForget = 10 * time.Minute // a machine that held so long starts anew
	crashFirst  = 5 * time.Second  // before the second restart; doubles
	crashMost   = 5
)

// reconcileInstance brings one instance nearer to what it should be.
func (n *Node) reconcileInstance(ctx context.Context, id string) (reconcile.Result, error) {
	n.mu.Lock()
	instance, wanted := n.desired.Instances[id]
	n.mu.Unlock()
	if !wanted {
		return reconcile.Result{}, nil
	}
	if instance.Power != nodeapi.PowerDeleted && n.copies.busy(id) {
		return reconcile.Result{}, nil // it is signalled when its disk was read
	}
	var result reconcile.Result
	var err error
	if instance.Power == nodeapi.PowerDeleted {
		err = n.deleteInstance(ctx, id)
	} else {
		result, err = n.ensureInstance(ctx, instance)
	}
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err() // the node ends; this says nothing of the instance
	}
	if err == nil {
		return result, nil
	}
	if n.superseded(instance) {
		n.vms.Signal(id)
		return reconcile.Result{}, nil
	}
	n.failed(ctx, instance, err)
	return result, fmt.Errorf("instance %s: %w", id, err)
}

// superseded tells whether the server asks for something else by now: what
// failed was the request before, and says nothing of this one.
func (n *Node) superseded(instance nodeapi.Instance) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.desired.Instances[instance.ID]
	return now.Power != instance.Power || now.BootGeneration != instance.BootGeneration || now.ResetGeneration != instance.ResetGeneration
}

func (n *Node) deleteInstance(ctx context.Context, id string) error {
	n.copies.drop(id)
	if err := n.cfg.Driver.Remove(ctx, id); err != nil {
		return errs.Wrap(err, errs.Of(err), "The machine could not be removed from its host.")
	}
	n.mu.Lock()
	status := n.book.statuses[id]
	n.book.problem(id, "")
	n.mu.Unlock()
	status.ID, status.Phase, status.Message, status.Guest, status.Since = id, nodeapi.PhaseGone, "", false, time.Time{}
	n.tell(status)
	return nil
}

func (n *Node) ensureInstance(ctx context.Context, instance nodeapi.Instance) (reconcile.Result, error) {
	spec, err := n.spec(instance)
	if err != nil {
		return reconcile.Result{}, err
	}
	if spec.Power == hypervisor.PowerRunning {
		if waits, err := n.waitForWord(ctx, instance); waits || err != nil {
			return reconcile.Result{}, err
		}
		if waits, err := n.waitFor(instance, &spec); waits || err != nil {
			return reconcile.Result{}, err
		}
		n.begins(instance.ID, nodeapi.StepStart)
	}
	done, ours := n.ensuring(instance.ID)
	if !ours {
		return reconcile.Result{}, nil
	}
	defer done()
	status, err := n.cfg.Driver.Ensure(ctx, spec)
	if err != nil {
		return reconcile.Result{}, err
	}
	if status.Started {
		c, err := n.cfg.Driver.Capabilities(ctx)
		if err != nil {
			return reconcile.Result{}, err
		}
		n.machineStarted(instance, spec, status, c)
	}
	if status.State == hypervisor.StateCrashed && spec.Power == hypervisor.PowerRunning {
		return n.restart(ctx, instance, spec, status)
	}
	off := status.State == hypervisor.StateStopped || status.State == hypervisor.StateCrashed
	n.copies.want(instance, off && status.Settled)
	return n.settle(instance, status), nil
}

// settle tells what the machine is.
func (n *Node) settle(instance nodeapi.Instance, status hypervisor.Status) reconcile.Result {
	told := nodeapi.InstanceStatus{
		ID: instance.ID, Message: status.Fault, BootGeneration: status.BootGeneration, ResetGeneration: status.ResetGeneration,
		Kept: status.Kept, FailedSnapshots: n.copies.failed(instance.ID),
	}
	result := reconcile.Result{Again: status.RetryAfter}
	switch status.State {
	case hypervisor.StateRunning, hypervisor.StatePaused, hypervisor.StateStopping:
		told.Phase, told.Since = nodeapi.PhaseRunning, status.StartedAt
		if status.State == hypervisor.StatePaused && instance.Power == nodeapi.PowerPaused {
			told.Phase = nodeapi.PhasePaused
		}
	case hypervisor.StateSuspended:
		told.Phase = nodeapi.PhaseSuspended
	case hypervisor.StateStopped, hypervisor.StateCrashed:
		told.Phase = nodeapi.PhaseStopped
		told.Guest = status.StoppedByGuest && instance.Power == nodeapi.PowerRunning
	case hypervisor.StateIncomplete:
		told.Phase = nodeapi.PhasePreparing
	}
	if !status.Settled && result.Again == 0 {
		result.Again = time.Second
	}
	n.mu.Lock()
	delete(n.book.failing, instance.ID)
	n.book.problem(instance.ID, status.Fault)
	n.mu.Unlock()
	n.tell(told)
	return result
}

// waitFor sees to what a machine needs before it can start: its ports and its
// images. It fills the spec's paths in, and tells whether the machine must
// wait; it is signalled when that may be over. A machine that runs does not
// wait for its network.
func (n *Node) waitFor(instance nodeapi.Instance, spec *hypervisor.Spec) (waits bool, err error) {
	n.mu.Lock()
	status := n.book.statuses[instance.ID]
	port, networkErr := n.awaited(instance)
	n.mu.Unlock()
	if len(instance.Ports) > 0 {
		n.begins(instance.ID, nodeapi.StepNetworkPlug)
	}
	if port != "" && status.Phase != nodeapi.PhaseRunning {
		if networkErr != nil {
			return true, errs.Wrap(networkErr, errs.Unavailable, "The network of this host could not be made.")
		}
		n.preparing(instance, "Waiting for its network.")
		return true, nil
	}
	n.ends(instance.ID, nodeapi.StepNetworkPlug, func(time.Duration) string {
		if len(instance.Ports) == 1 {
			return "The dataplane has made the device of the port, and its rules are in force."
		}
		return fmt.Sprintf("The dataplane has made the devices of %d ports, and their rules are in force.", len(instance.Ports))
	})
	if len(imagesOf(instance)) > 0 {
		n.begins(instance.ID, nodeapi.StepImageFetch)
	}
	for _, image := range imagesOf(instance) {
		path, err := n.images.get(*image, instance.ID)
		switch {
		case err != nil:
			return true, err
		case path == "":
			n.fetches(instance.ID, *image)
			n.preparing(instance, "Fetching the image "+image.ID+".")
			waits = true
		case instance.Rescue != nil && image == &instance.Rescue.Image:
			spec.Rescue.Image.Path = path
		case image == instance.Image.Kernel:
			spec.Kernel = path
		case image == instance.Image.Ramdisk:
			spec.Initrd = path
		default:
			spec.Image.Path = path
		}
	}
	if !waits {
		n.imagesThere(instance)
	}
	if !waits && status.Phase != nodeapi.PhaseRunning {
		n.preparing(instance, "Starting.")
	}
	return waits, nil
}

// preparing tells what an instance waits for, unless it runs or has failed.
func (n *Node) preparing(instance nodeapi.Instance, what string) {
	n.mu.Lock()
	status := n.book.statuses[instance.ID]
	n.mu.Unlock()
	if status.Phase == nodeapi.PhaseRunning || status.Phase == nodeapi.PhaseFailed {
		return
	}
	if status.ID == "" {
		status.BootGeneration, status.ResetGeneration = -1, -1 // it has never run
	}
	status.ID, status.Phase, status.Message, status.Guest = instance.ID, nodeapi.PhasePreparing, what, false
	n.tell(status)
}

// restart starts a machine again whose process died: at once, then after
// longer and longer, and after crashMost times no more.
func (n *Node) restart(ctx context.Context, instance nodeapi.Instance, spec hypervisor.Spec, died hypervisor.Status) (reconcile.Result, error) {
	n.mu.Lock()
	c := n.crashes[instance.ID]
	if time.Since(c.last) > crashForget {
		c = crash{}
	}
	var wait time.Duration
	if c.count > 0 {
		wait = crashFirst<<(c.count-1) - time.Since(c.last)
	}
	if c.count < crashMost && wait <= 0 {
		n.crashes[instance.ID] = crash{c.count + 1, time.Now()}
	}
	n.mu.Unlock()
	fault := died.Fault
	if fault == "" {
		fault = "it did not say why"
	}
	if c.count >= crashMost {
		return reconcile.Result{}, errs.New(errs.Conflict, "The machine's process died %d times, and is not started again: %s.", c.count, strings.TrimRight(fault, "."))
	}
	status := nodeapi.InstanceStatus{
		ID: instance.ID, Phase: nodeapi.PhasePreparing, BootGeneration: died.BootGeneration, ResetGeneration: died.ResetGeneration,
		Message: "The machine's process died and is started again: " + fault,
	}
	n.tell(status)
	if wait > 0 {
		return reconcile.Result{Again: wait}, nil
	}
	n.log.WarnContext(ctx, "a machine's process died; starting it again", "instance", instance.ID, "fault", died.Fault, "times", c.count+1)
	off := spec
	off.Power = hypervisor.PowerStopped
	if _, err := n.cfg.Driver.Ensure(ctx, off); err != nil {
		return reconcile.Result{}, err
	}
	again, err := n.cfg.Driver.Ensure(ctx, spec)
	if err != nil {
		return reconcile.Result{}, err
	}
	result := n.settle(instance, again)
	result.Drift++
	return result, nil
}

// failed tells that an instance is not what it should be. What may pass is
// tried again for a while before it counts; a machine that runs all the same
// is said to run.
func (n *Node) failed(ctx context.Context, instance nodeapi.Instance, cause error) {
	kind := errs.Of(cause)
	n.mu.Lock()
	since, known := n.book.failing[instance.ID]
	if !known {
		since = time.Now()
		n.book.failing[instance.ID] = since
	}
	status, told := n.book.statuses[instance.ID]
	n.book.problem(instance.ID, message(cause))
	n.mu.Unlock()
	if !told {
		status = nodeapi.InstanceStatus{ID: instance.ID, BootGeneration: -1, ResetGeneration: -1}
	}
	passing := kind == errs.Unavailable || kind == errs.Internal
	switch {
	case instance.Power == nodeapi.PowerDeleted:
		// It goes on being deleted; the problem says what is in the way.
	case n.runs(ctx, instance.ID):
		status.Phase, status.Message = nodeapi.PhaseRunning, message(cause)
		n.tell(status)
	case passing && time.Since(since) < n.cfg.FailAfter:
		n.preparing(instance, message(cause))
	default:
		n.broken(instance.ID, message(cause))
		status.Phase, status.Message, status.Guest, status.Since = nodeapi.PhaseFailed, message(cause), false, time.Time{}
		n.tell(status)
	}
}

// runs asks the hypervisor whether a machine's process lives.
func (n *Node) runs(ctx context.Context, id string) bool {
	machines, err := n.cfg.Driver.List(ctx)
	if err != nil {
		return false
	}
	for _, machine := range machines {
		if machine.ID == id {
			return machine.PID != 0
		}
	}
	return false
}

// message is an error for people: the public sentence first, and on the lines
// below it what only operators are shown.
func message(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		if e.Err == nil {
			return e.Message
		}
		return e.Message + "\n" + err.Error()
	}
	return "The host failed; its log says more.\n" + err.Error()
}

// imagesOf lists what an instance needs from the cache.
func imagesOf(instance nodeapi.Instance) []*nodeapi.Image {
	images := partsOf(instance.Image)
	if instance.Rescue != nil {
		images = append(images, &instance.Rescue.Image)
	}
	return images
}

// partsOf is an image with its kernel and ramdisk.
func partsOf(image *nodeapi.Image) []*nodeapi.Image {
	if image == nil || image.ID == "" {
		return nil
	}
	images := []*nodeapi.Image{image}
	for _, part := range []*nodeapi.Image{image.Kernel, image.Ramdisk} {
		if part != nil {
			images = append(images, part)
		}
	}
	return images
}

// diskFormats are the formats of images that a disk can be made of, with
// what they are to the hypervisor.
var diskFormats = map[string]string{"raw": "raw", "ami": "raw", "qcow2": "qcow2"}

// spec says what the hypervisor needs to know. The paths of images are left
// for waitFor; a machine that is to be off needs none.
func (n *Node) spec(instance nodeapi.Instance) (hypervisor.Spec, error) {
	spec := hypervisor.Spec{
		ID: instance.ID, Name: instance.Name, VCPUs: instance.VCPUs, MemoryMiB: instance.MemoryMiB,
		RootGiB: instance.RootGiB, EphemeralGiB: instance.EphemeralGiB, SwapMiB: instance.SwapMiB,
		Power: hypervisor.PowerRunning, StopGrace: n.cfg.StopGrace,
		BootGeneration: instance.BootGeneration, ResetGeneration: instance.ResetGeneration,
		DiskGeneration: instance.DiskGeneration, KeepDisks: instance.KeepDisks, RestoreDisks: instance.RestoreDisks,
	}
	properties := map[string]string{}
	if images := imagesOf(instance); len(images) > 0 && instance.Image.Properties != nil {
		properties = instance.Image.Properties
	}
	spec.Features = hypervisor.Features{
		DiskBus: properties["hw_disk_bus"], VIFModel: properties["hw_vif_model"], VideoModel: properties["hw_video_model"],
		MachineType: properties["hw_machine_type"], Firmware: properties["hw_firmware_type"],
		GuestAgent: truth(properties["hw_qemu_guest_agent"]),
	}
	if seconds, err := strconv.Atoi(properties["os_shutdown_timeout"]); err == nil && seconds >= 0 {
		spec.StopGrace = time.Duration(seconds) * time.Second
	}
	for _, port := range instance.Ports {
		spec.NICs = append(spec.NICs, hypervisor.NIC{
			PortID: port.PortID, MAC: port.MAC, MTU: port.MTU,
			Tap: func(context.Context) (*os.File, error) { return n.cfg.Dataplane.OpenTap(port.PortID) },
		})
	}
	if instance.ConfigDrive || properties["img_config_drive"] == "mandatory" {
		spec.ConfigDrive = func(context.Context) ([]byte, error) { return metadata.ConfigDrive(instance.Metadata) }
	}
	if power, holds := holding[instance.Power]; holds {
		spec.Power = power
		return spec, nil
	}
	if instance.Power != nodeapi.PowerRunning {
		return spec, errs.New(errs.Invalid, "This host's wisp does not know the power state %q; it is older than the server's.", instance.Power)
	}
	if image := instance.Image; len(imagesOf(instance)) > 0 {
		format, usable := diskFormats[image.DiskFormat]
		if !usable {
			return spec, errs.New(errs.Invalid, "The image %s has the disk format %q, which no machine can boot from here; convert it to qcow2 or raw.", image.ID, image.DiskFormat)
		}
		spec.Image = &hypervisor.Image{ID: image.ID, Format: format}
		if image.Kernel != nil {
			spec.CommandLine = properties["os_command_line"]
		}
	}
	if instance.Rescue == nil {
		return spec, nil
	}
	image := instance.Rescue.Image
	format, usable := diskFormats[image.DiskFormat]
	if !usable {
		return spec, errs.New(errs.Invalid, "The image %s has the disk format %q, which no machine can boot from here; convert it to qcow2 or raw.", image.ID, image.DiskFormat)
	}
	device, bus := image.Properties["hw_rescue_device"], image.Properties["hw_rescue_bus"]
	spec.Rescue = &hypervisor.Rescue{
		Image: hypervisor.Image{ID: image.ID, Format: format}, Last: device != "" || bus != "", Bus: bus, CDROM: device == "cdrom",
	}
	return spec, nil
}

// holding are the states of power for which nothing is started, so that no
// image is needed.
var holding = map[string]hypervisor.Power{
	nodeapi.PowerStopped: hypervisor.PowerStopped, nodeapi.PowerPaused: hypervisor.PowerPaused, nodeapi.PowerSuspended: hypervisor.PowerSuspended,
}

// truth reads a property as Nova does.
func truth(text string) bool {
	switch strings.ToLower(text) {
	case "1", "t", "true", "on", "y", "yes":
		return true
	}
	return false
}
