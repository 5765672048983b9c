package console

import "time"

// Limits of the proxy.
const (
	MaxOpen      = maxOpen
	MaxOpenOfOne = maxOpenOfOne
)

// SetPing sets how often viewers are asked whether they are there.
func (p *Proxy) SetPing(every time.Duration) { p.ping = every }

// SetOpen pretends that so many consoles are open.
func (p *Proxy) SetOpen(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = n
}

// Open is how many consoles are open, of this server and of an instance.
func (p *Proxy) Open(instance string) (all, ofInstance int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open, p.ofInstance[instance]
}
