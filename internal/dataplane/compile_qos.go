package dataplane

import (
	"time"

	"wisp/internal/dataplane/intent"
)

// Units of rates: what a byte, and a packet, takes of one kbit, and of 1000
// packets, a second, in ns.
const (
	byteUnit   = 8 * uint64(time.Second) / 1000
	packetUnit = uint64(time.Second) / 1000
)

// portQoS writes down what holds for a local port.
func (c *compilation) portQoS(id uint32, out *bpfPort, q *intent.QoS) {
	limited := c.rates(id, ratePort, q)
	if limited&(1<<dirEgress) != 0 {
		out.Flags |= portLimitOut
	}
	if limited&(1<<dirIngress) != 0 {
		out.Flags |= portLimitIn
	}
	if q != nil && q.DSCP != nil {
		out.Flags |= portDSCP
		out.Dscp = *q.DSCP
	}
}

// rates writes down the rates of a port, a floating address or a router. It
// returns which directions have some, as bits. A rate of 0 is none.
func (c *compilation) rates(id, whose uint32, q *intent.QoS) (directions int) {
	if q == nil {
		return 0
	}
	for _, l := range q.Limits {
		if l.Rate == 0 {
			continue
		}
		direction := uint32(dirIngress)
		if l.Direction == intent.Egress {
			direction = dirEgress
		}
		key := bpfRateKey{Id: id, Which: whose | direction}
		out := bpfRate{Unit: byteUnit, Per: l.Rate, Burst: uint64(l.Burst) * uint64(time.Second) / uint64(l.Rate)}
		if l.Packets {
			key.Which |= ratePackets
			out.Unit = packetUnit
		}
		c.want.rates[key] = out
		directions |= 1 << direction
	}
	return directions
}
