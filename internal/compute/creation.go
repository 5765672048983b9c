package compute

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"wisp/internal/image"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Names of a creation's events that happen on the server; those of the host
// are the steps of nodeapi.
const (
	EventToken    = "identity_validate_token"
	EventAccept   = "compute_accept_request"
	EventImage    = "image_get"
	EventSchedule = "scheduler_select_destinations"
	EventNetwork  = "network_allocate_for_instance"
	EventDiskLost = "compute_discard_local_disks" // of an evacuation
)

var hostSteps = []string{nodeapi.StepNetworkPlug, nodeapi.StepImageFetch, nodeapi.StepPrepareDisk, nodeapi.StepStart, nodeapi.StepLease}

// informational are the events whose details begin with a line that owners
// may read.
var informational = append([]string{EventToken, EventAccept, EventImage, EventSchedule, EventNetwork, EventDiskLost}, hostSteps...)

// PublicDetails is the part of an event's details that the server's owner may
// read; false for events whose details are for administrators alone.
func (e *Event) PublicDetails() (*string, bool) {
	if !slices.Contains(informational, e.Name) {
		return nil, false
	}
	if e.Details == nil {
		return nil, true
	}
	line, _, _ := strings.Cut(*e.Details, "\n")
	if e.Result != nil && *e.Result == ResultError && e.Host != "" {
		line = publicFault(line) // the host's own words
	}
	return &line, true
}

// span is how long something took.
type span struct{ start, finish time.Time }

// creation notes what happens to a request that makes servers, so that it can
// be told as events. The notes are of one run of the transaction.
type creation struct {
	began        time.Time // of the service's own work
	image        span
	imageDetails string
	hostsAt      time.Time // since when the scheduler works
	events       []Event   // of single servers
}

func (c *creation) note(server, name, host string, at span, result, details string) {
	c.events = append(c.events, Event{
		ServerID: server, Name: name, Host: host, StartTime: utc(at.start), FinishTime: utc(at.finish), Result: &result, Details: &details,
	})
}

// utc is a time as the database keeps it.
func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// scheduled notes the choice for one server; the next one's begins there.
func (c *creation) scheduled(server string, hosts []SchedulerHost, d Demand, v Verdict, now time.Time) {
	at := span{c.hostsAt, now}
	c.hostsAt = now
	if v.Chosen < 0 {
		c.note(server, EventSchedule, "", at, ResultError, v.Message()+"\n"+v.Details())
		return
	}
	c.note(server, EventSchedule, hosts[v.Chosen].Name, at, ResultSuccess, v.Choice(&hosts[v.Chosen], d))
}

func (c *creation) plugged(server string, ports []network.PluggedPort, at span) {
	if len(ports) == 0 {
		c.note(server, EventNetwork, "", at, ResultSuccess, "The server has no ports.")
		return
	}
	texts := make([]string, len(ports))
	for i, p := range ports {
		texts[i] = "port " + p.PortID + " on network " + p.NetworkName + " (" + p.NetworkID + ") with MAC " + p.MAC
		for j, ip := range p.FixedIPs {
			texts[i] += []string{" and ", ", "}[min(j, 1)] + ip.Address.String()
		}
		if !p.CreatedByCompute {
			texts[i] += ", which was there before"
		}
	}
	c.note(server, EventNetwork, "", at, ResultSuccess, "Allocated "+strings.Join(texts, "; ")+".")
}

// told are the events of all servers of the request. The rows are written with
// them, in the transaction that is about to be committed.
func (c *creation) told(caller *policy.Caller, b *batch, servers []string, now time.Time) []Event {
	accepted := caller.AuthenticatedAt
	if accepted.IsZero() {
		accepted = c.began
	}
	details := fmt.Sprintf("Request and quota were checked, and all that it needs was claimed in one transaction: %s of flavor %s with %s, %d MiB of memory and %d GiB of disk each.",
		count(len(servers), "server"), b.flavor.Name, count(int(b.flavor.VCPUs), "virtual processor"), b.flavor.MemoryMiB, diskOf(b.flavor))
	for _, id := range servers {
		if !caller.ReceivedAt.IsZero() {
			c.note(id, EventToken, "", span{caller.ReceivedAt, caller.AuthenticatedAt}, ResultSuccess, tokenDetails(caller))
		}
		c.note(id, EventImage, "", c.image, ResultSuccess, c.imageDetails)
		c.note(id, EventAccept, "", span{accepted, now}, ResultSuccess, details)
	}
	return c.events
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func tokenDetails(caller *policy.Caller) string {
	return fmt.Sprintf("The token of user %s for project %s, with the roles %s, was checked without another service: decrypted, valid until %s, not revoked.",
		caller.UserName, caller.ProjectName, strings.Join(caller.Roles, ", "), caller.ExpiresAt.UTC().Format(time.RFC3339))
}

func imageDetails(img image.Image) string {
	name := img.ID
	if img.Name != "" {
		name = img.Name + " (" + img.ID + ")"
	}
	text := "Image " + name + " is active, in format " + img.DiskFormat
	if img.Size != nil {
		text += fmt.Sprintf(", %d bytes", *img.Size)
	}
	return text + "."
}

// untold are the steps of a status that are not written as events yet. What
// is being deleted has nothing more to tell.
func (s *Server) untold(st nodeapi.InstanceStatus) []nodeapi.Step {
	if s.Power == nodeapi.PowerDeleted {
		return nil
	}
	var steps []nodeapi.Step
	for _, step := range st.Steps {
		if slices.Contains(hostSteps, step.Name) && !slices.Contains(s.Steps, step.Name) {
			steps = append(steps, step)
		}
	}
	return steps
}

// hear takes what is new of a status into the server and told, and names the
// columns that changed.
func (s *Server) hear(st nodeapi.InstanceStatus, told map[string][]nodeapi.Step) []string {
	steps := s.untold(st)
	if len(steps) == 0 {
		return nil
	}
	told[s.ID] = steps
	for _, step := range steps {
		s.Steps = append(s.Steps, step.Name)
	}
	return []string{"steps"}
}

// recordSteps writes what a host told of its servers' creations as events of
// the actions that made them, by server.
func (s *Service) recordSteps(ctx context.Context, tx *store.Tx, host string, told map[string][]nodeapi.Step) error {
	if len(told) == 0 {
		return nil
	}
	ids := make([]string, 0, len(told))
	for id := range told {
		ids = append(ids, id)
	}
	var made []struct{ ServerID, RequestID string }
	_, err := tx.NewUpdate().Model((*Action)(nil)).Set("updated_at = ?", s.now()).Where("server_id IN (?) AND action = ?", store.Set(ids), "create").
		Returning("server_id, request_id").Exec(ctx, &made)
	if err != nil {
		return fmt.Errorf("date the actions that made servers: %w", err)
	}
	var events []Event
	for _, action := range made {
		for _, step := range told[action.ServerID] {
			result, details := ResultSuccess, step.Details
			if step.Failed {
				result = ResultError
			}
			events = append(events, Event{
				ServerID: action.ServerID, RequestID: action.RequestID, Name: step.Name, Host: host,
				StartTime: utc(step.Start), FinishTime: utc(step.Finish), Result: &result, Details: &details,
			})
		}
	}
	if len(events) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&events).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("record the steps of creations: %w", err)
	}
	return nil
}
