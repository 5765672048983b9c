package store

import "sync/atomic"

// Subscribe returns a channel that receives when the topic was signalled
// since the last receive, by this server or another one; signals in between
// fold into one. Call cancel when done.
func (d *DB) Subscribe(topic string) (wake <-chan struct{}, cancel func()) {
	ch := make(chan struct{}, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.topics[topic] == nil {
		d.topics[topic] = map[chan struct{}]bool{}
	}
	d.topics[topic][ch] = true
	return ch, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.topics[topic], ch)
	}
}

// Signals counts the signals of a topic, by this server or another one: what
// was read before is out of date when the number is not the one that it was.
// Looking costs nothing, so it can be done at every use.
func (d *DB) Signals(topic string) *atomic.Int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	count := d.counts[topic]
	if count == nil {
		count = &atomic.Int64{}
		d.counts[topic] = count
	}
	return count
}

func (d *DB) signal(topic string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if count := d.counts[topic]; count != nil {
		count.Add(1)
	}
	wake(d.topics[topic])
}

func wake(subscribers map[chan struct{}]bool) {
	for ch := range subscribers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// missed says that anything may have changed.
func (d *DB) missed() {
	d.mu.Lock()
	for _, count := range d.counts {
		count.Add(1)
	}
	for _, subscribers := range d.topics {
		wake(subscribers)
	}
	d.mu.Unlock()
	d.feed.publish(nil)
}
