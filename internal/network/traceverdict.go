package network

import (
	"fmt"
	"slices"

	"wisp/internal/nodeapi"
)

// stops are the dataplane's reasons: at which class of step they stop a
// packet that its guest sends, and what they say for a person.
var stops = map[string]struct{ class, text string }{
	"malformed":      {classSender, "the packet is malformed"},
	"port-down":      {classSender, "the port is down"},
	"spoofed-mac":    {classSender, "the MAC is not the port's"},
	"spoofed-ip":     {classSender, "the source address is not the port's"},
	"spoofed-nd":     {classSender, "the packet speaks for an address that is not the port's"},
	"dhcp-server":    {classSender, "guests may not be DHCP servers"},
	"router-advert":  {classSender, "guests may not advertise routers"},
	"ethertype":      {classSender, "the kind of frame is not allowed"},
	"fragment":       {classSender, "it is a fragment of an unknown packet"},
	"no-rule-out":    {classEgress, "no egress rule allows it"},
	"no-rule-in":     {classIngress, "no ingress rule allows it"},
	"rule-removed":   {classEgress, "the rule that allowed its connection was removed"},
	"invalid-state":  {classEgress, "it belongs to no connection"},
	"no-neighbour":   {classNetwork, "nobody answers the guest's ARP for its next hop"},
	"unknown-mac":    {classNetwork, "nobody on the network has the address"},
	"no-device":      {classNetwork, "the receiver has no device here"},
	"loop":           {classNetwork, "it would come back to where it is from"},
	"tunnel":         {classNetwork, "the way to the other host does not carry it"},
	"stranger":       {classNetwork, "it comes from nobody known"},
	"router-down":    {classRouter, "the router is down"},
	"ttl":            {classRouter, "it has passed too many routers"},
	"no-route":       {classRouter, "the router has no route; the sender is told by ICMP"},
	"no-host":        {classRouter, "nobody on the last network has the address; the sender is told by ICMP"},
	"too-big":        {classRouter, "it is larger than the next network carries"},
	"router-local":   {classRouter, "it is for the router itself, which does not answer such packets"},
	"address-scope":  {classRouter, "the next network is in another address scope"},
	"over-limit":     {classNetwork, "more is sent than a QoS policy allows"},
	"not-translated": {classNAT, "no address translation applies to it"},
	"nat-full":       {classNAT, "the shared address has no free port"},
}

const reasonUnresolved = "unresolved" // the next hop's MAC is not known yet: ARP asks

const disagreeBriefly = "The host does not do what the rules say at this moment. If that stays so, an administrator should look at the host."

// kernel is what the programs did with the packet, in short.
type kernel struct {
	class, text string // where and why it was stopped; empty when it was not
	arrived     string // the port that took it
	answered    bool   // an answer came back to the sender
	unresolved  bool
}

func readKernel(steps []nodeapi.PortTraceStep, source string) kernel {
	var k kernel
	if len(steps) == 0 {
		return kernel{class: classNetwork, text: "the guest has no route"}
	}
	explain := func(reason, otherwise string) {
		stop, known := stops[reason]
		if !known {
			stop.class, stop.text = otherwise, "the reason "+reason
		}
		k.class, k.text = stop.class, stop.text
	}
	first := steps[0]
	switch {
	case first.Reason == reasonUnresolved:
		k.unresolved = true
		return k
	case first.Reason != "":
		explain(first.Reason, classSender)
		return k
	case first.Verdict == TraceDropped:
		k.class, k.text = classSender, "the programs did not say why"
		return k
	case len(steps) == 1:
		return k
	}
	last := steps[len(steps)-1]
	switch {
	case last.Verdict == TraceDropped:
		explain(last.Reason, classReceiver)
		switch k.class {
		case classEgress, classIngress:
			k.class = classIngress
		default:
			k.class = classReceiver
		}
	case last.PortID == source:
		k.answered = true
	default:
		k.arrived = last.PortID
	}
	return k
}

// judge makes the trace of the walk's steps and what the kernel did: the
// kernel's word is the verdict, and where the two differ, the trace says so.
func (w *walk) judge(seen []nodeapi.PortTraceStep, trace *Trace) {
	k := readKernel(seen, w.source.ID)
	predicted := len(w.steps)
	for i := range w.steps {
		if w.steps[i].drops {
			predicted = i
			break
		}
	}
	w.handed(seen)
	away := w.beyond() // from here on the other host judges, by its rules
	if k.class == "" {
		w.passes(k, predicted, away, trace)
	} else {
		w.stopped(k, predicted, trace)
	}
	for _, s := range w.steps {
		trace.Steps = append(trace.Steps, s.TraceStep)
	}
	last := trace.Steps[len(trace.Steps)-1]
	trace.Reached = last.Verdict != TraceDropped && w.steps[len(w.steps)-1].last
}

// handed names the host that the kernel gave the packet to.
func (w *walk) handed(seen []nodeapi.PortTraceStep) {
	i := slices.IndexFunc(seen, func(s nodeapi.PortTraceStep) bool { return s.Host != "" })
	if i < 0 {
		return
	}
	for at := range w.steps {
		if w.steps[at].class != classHost || w.steps[at].Host != "" {
			continue
		}
		for name, host := range w.state.Hosts {
			if host.Endpoint.String() == seen[i].Host {
				w.steps[at].Host = name
			}
		}
	}
}

// beyond is the index of the first step that this host does not see.
func (w *walk) beyond() int {
	for i := range w.steps {
		if w.steps[i].class == classHost {
			return i + 1
		}
	}
	return len(w.steps)
}

// stopped ends the steps where the kernel stopped the packet.
func (w *walk) stopped(k kernel, predicted int, trace *Trace) {
	at := -1
	for i := range w.steps {
		if w.steps[i].class == k.class {
			at = i
		}
		if at == predicted {
			break
		}
	}
	// What the programs call the router's reason is often the last network's:
	// nobody has the address there.
	if at < 0 || at != predicted && predicted < len(w.steps) && near(k.class, w.steps[predicted].class) {
		if predicted < len(w.steps) && near(k.class, w.steps[predicted].class) {
			at = predicted
		}
	}
	if at < 0 {
		w.add(k.class, hopOf[k.class], "", "", "The host stops the packet here: %s.", k.text).stop()
		at = len(w.steps) - 1
		trace.Disagreement = fmt.Sprintf("The host stops the packet (%s), which the rules do not explain.", k.text)
	} else if at != predicted {
		trace.Disagreement = fmt.Sprintf("The host stops the packet (%s), but by the rules it would pass there. %s", k.text, disagreeBriefly)
		w.steps[at].Reason += fmt.Sprintf(" But the host stops the packet: %s.", k.text)
		w.steps[at].Rule = nil
	}
	w.steps = w.steps[:at+1]
	w.steps[at].stop()
	w.steps[at].last = false
}

// hopOf is the hop of a step that only the kernel knows of.
var hopOf = map[string]string{
	classSender: HopPort, classEgress: HopGroup, classNetwork: HopNetwork, classRouter: HopRouter, classNAT: HopSNAT, classIngress: HopGroup, classReceiver: HopPort,
}

// near tells whether two classes of stops are about the same thing.
func near(a, b string) bool {
	pair := func(x, y string) bool { return a == x && b == y || a == y && b == x }
	return a == b || pair(classRouter, classNetwork) || pair(classRouter, classNAT)
}

// passes ends the steps of a packet that the kernel did not stop.
func (w *walk) passes(k kernel, predicted, away int, trace *Trace) {
	if predicted < away && predicted < len(w.steps) {
		at := &w.steps[predicted]
		trace.Disagreement = fmt.Sprintf("By the rules the packet ends at the %s, but the host lets it pass. %s", at.Hop, disagreeBriefly)
		at.Reason += " But the host lets the packet pass."
		at.drops, at.Verdict = false, TraceForwarded
		if predicted == len(w.steps)-1 {
			at.last = true
		}
		predicted = len(w.steps)
	}
	if k.unresolved {
		for i := range w.steps {
			if w.steps[i].class == classWire {
				w.steps[i].Reason += " The next hop's MAC is not known at this moment: a real packet asks for it by ARP first, and goes if that is answered."
			}
		}
	}
	if here := w.state.Ports[w.target].Local; k.arrived != w.target && (here || k.arrived != "") && !k.answered {
		trace.Disagreement = "The host gives the packet to another receiver than the addresses of the ports say. " + disagreeBriefly
	}
	if away < len(w.steps) { // beyond the tunnel, the rules are all that is known
		w.steps[away-1].Reason += " That host was not asked: what follows is by the rules."
	}
	if predicted < len(w.steps) {
		w.steps = w.steps[:predicted+1]
	}
}
