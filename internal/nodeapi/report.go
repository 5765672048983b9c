package nodeapi

import "slices"

// merge returns what two reports say together, the later one having the last
// word. It keeps the order of instances.
func merge(earlier, later Report) Report {
	if later.Findings == nil {
		later.Findings = earlier.Findings
	}
	if later.Meters == nil {
		later.Meters = earlier.Meters
	}
	if later.Whole {
		return later // which names all that is fenced too
	}
	merged := later
	merged.Fenced = union(earlier.Fenced, later.Fenced)
	merged.Whole = earlier.Whole
	merged.Instances = slices.Clone(earlier.Instances)
	for _, status := range later.Instances {
		if i := slices.IndexFunc(merged.Instances, func(s InstanceStatus) bool { return s.ID == status.ID }); i >= 0 {
			merged.Instances[i] = status
		} else {
			merged.Instances = append(merged.Instances, status)
		}
	}
	return merged
}

// union is what is in either list, sorted.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// mailbox holds the reports that wait for a slow receiver, merged into one.
// It is used under its owner's lock.
type mailbox struct {
	waiting *Report
	ready   chan struct{} // has a token when something waits
}

func newMailbox() mailbox { return mailbox{ready: make(chan struct{}, 1)} }

func (m *mailbox) put(r Report) {
	if m.waiting != nil {
		r = merge(*m.waiting, r)
	}
	m.waiting = &r
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// putBack returns a report that was taken and not delivered; those that came
// meanwhile have the last word over it.
func (m *mailbox) putBack(r Report) {
	if m.waiting != nil {
		r = merge(r, *m.waiting)
		m.waiting = nil
	}
	m.put(r)
}

func (m *mailbox) take() (Report, bool) {
	if m.waiting == nil {
		return Report{}, false
	}
	r := *m.waiting
	m.waiting = nil
	return r, true
}
