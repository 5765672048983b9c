package dataplane_test

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

func u16(v uint16) *uint16 { return &v }

// egressOnly lets out everything of IPv4.
var egressOnly = intent.Rule{ID: "out", Direction: intent.Egress}

// pair makes two guests: a may do all, b has only the given rules, in group
// "b".
func (l *lab) pair(rules ...intent.Rule) (a, b string) {
	l.localNet("net")
	a = l.guest(l.port("a", "net", "fa:16:3e:00:00:01", "10.0.0.1"), 24, "")
	p := l.port("b", "net", "fa:16:3e:00:00:02", "10.0.0.2")
	p.SecurityGroups = []string{"b"}
	b = l.guest(p, 24, "")
	l.rules(rules...)
	return a, b
}

func (l *lab) rules(rules ...intent.Rule) {
	g := l.state.SecurityGroups["b"]
	g.ID, g.Rules = "b", rules
	l.state.SecurityGroups["b"] = g
}

func TestS45_RemovedRuleStopsRunningFlows(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	icmp := intent.Rule{ID: "icmp", Direction: intent.Ingress, Protocol: 1}
	ssh := intent.Rule{ID: "ssh", Direction: intent.Ingress, Protocol: 6, PortMin: u16(22), PortMax: u16(22)}
	a, b := l.pair(egressOnly)
	l.applyClean()
	l.noPing(a, "10.0.0.2")
	l.ping(b, "10.0.0.1") // replies need no rule

	l.rules(egressOnly, icmp, ssh)
	l.applyClean()
	l.ping(a, "10.0.0.2")
	send, receive := l.connect(a, b, "10.0.0.2:22")
	echo := func(from, to net.Conn) bool {
		if _, err := from.Write([]byte("x")); err != nil {
			return false
		}
		_ = to.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		_, err := io.ReadFull(to, make([]byte, 1))
		return err == nil
	}
	if !echo(send, receive) || !echo(receive, send) {
		t.Fatal("an allowed connection does not work")
	}

	before := l.drops("b", "rule-removed")
	l.rules(egressOnly)
	l.applyClean()
	if echo(send, receive) {
		t.Error("a connection goes on without its rule")
	}
	if echo(receive, send) {
		t.Error("the answering side goes on without the rule")
	}
	l.noPing(a, "10.0.0.2")
	if l.drops("b", "rule-removed") == before {
		t.Error("packets of a connection without rule are not counted")
	}

	l.rules(egressOnly, icmp, ssh)
	l.applyClean()
	l.ping(a, "10.0.0.2")
	l.eventually("the connection goes on", func() bool { return echo(send, receive) })
}

// connect makes a TCP connection between two namespaces.
func (l *lab) connect(from, to, addr string) (client, server net.Conn) {
	l.t.Helper()
	var listener net.Listener
	err := netlinkx.In(netlinkx.NetnsPath(to), func() (err error) {
		listener, err = new(net.ListenConfig).Listen(l.t.Context(), "tcp4", addr)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	defer listener.Close()
	err = netlinkx.In(netlinkx.NetnsPath(from), func() (err error) {
		client, err = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(l.t.Context(), "tcp4", addr)
		return err
	})
	if err != nil {
		l.t.Fatalf("%v\n%s", err, l.counters())
	}
	if server, err = listener.Accept(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestRuleRemovedDuringPing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	icmp := intent.Rule{ID: "icmp", Direction: intent.Ingress, Protocol: 1}
	a, _ := l.pair(egressOnly, icmp)
	l.applyClean()
	ping := exec.CommandContext(t.Context(), "ip", "netns", "exec", a, "ping", "-n", "-i", "0.1", "10.0.0.2")
	out, err := ping.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := ping.Start(); err != nil {
		t.Fatal(err)
	}
	var answers atomic.Int64
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "icmp_seq=") {
				answers.Add(1)
			}
		}
	}()
	t.Cleanup(func() {
		_ = ping.Process.Kill()
		<-read
		_ = ping.Wait()
	})
	l.eventually("the ping is answered", func() bool { return answers.Load() >= 2 })
	l.rules(egressOnly)
	l.applyClean()
	dropped := l.drops("b", "rule-removed")
	l.eventually("the ping is stopped", func() bool { return l.drops("b", "rule-removed") > dropped })
	// What was answered before may still be on its way to its reader.
	before := answers.Load()
	dropped = l.drops("b", "rule-removed")
	l.eventually("it stays so", func() bool { return l.drops("b", "rule-removed") >= dropped+5 })
	if n := answers.Load() - before; n > 1 {
		t.Errorf("the ping got %d answers without its rule", n)
	}
	l.rules(egressOnly, icmp)
	l.applyClean()
	before = answers.Load()
	l.eventually("the same ping is answered again", func() bool { return answers.Load() >= before+2 })
}

func TestRemoteGroupFollowsMembers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, _ := l.pair(egressOnly, intent.Rule{ID: "friends", Direction: intent.Ingress, RemoteGroup: "friends"})
	l.state.SecurityGroups["friends"] = intent.SecurityGroup{ID: "friends", Members: prefixes("10.0.0.9/32")}
	l.applyClean()
	l.noPing(a, "10.0.0.2")
	l.state.SecurityGroups["friends"] = intent.SecurityGroup{ID: "friends", Members: prefixes("10.0.0.1/32")}
	l.applyClean()
	l.ping(a, "10.0.0.2")
	l.state.SecurityGroups["friends"] = intent.SecurityGroup{ID: "friends"}
	l.applyClean()
	l.noPing(a, "10.0.0.2")
}

func TestS40_BadRuleStopsNoOther(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	bad := map[string]intent.Rule{
		"vrrp with ports":     {Direction: intent.Ingress, Protocol: 112, PortMin: u16(1), PortMax: u16(2)},
		"ports, no protocol":  {Direction: intent.Ingress, PortMin: u16(1), PortMax: u16(2)},
		"range upside down":   {Direction: intent.Ingress, Protocol: 6, PortMin: u16(9), PortMax: u16(2)},
		"half a range":        {Direction: intent.Ingress, Protocol: 17, PortMin: u16(9)},
		"code without type":   {Direction: intent.Ingress, Protocol: 1, PortMax: u16(0)},
		"type too big":        {Direction: intent.Ingress, Protocol: 1, PortMin: u16(256)},
		"no direction":        {Protocol: 6},
		"prefix of v6":        {Direction: intent.Ingress, RemotePrefix: prefixes("2001:db8::/32")[0]},
		"prefix and group":    {Direction: intent.Ingress, RemotePrefix: prefixes("10.0.0.0/8")[0], RemoteGroup: "open"},
		"icmpv6 of ipv4":      {Direction: intent.Ingress, Protocol: 58},
		"ethertype and proto": {Direction: intent.Ingress, IPv6: true, RemotePrefix: prefixes("10.0.0.0/8")[0]},
	}
	rules := []intent.Rule{egressOnly}
	for name, r := range bad {
		r.ID = name
		rules = append(rules, r)
	}
	rules = append(rules, intent.Rule{ID: "icmp", Direction: intent.Ingress, Protocol: 1})
	a, _ := l.pair(rules...)
	p := l.state.Ports["a"]
	p.AllowedAddressPairs = []intent.AddressPair{{MAC: "nonsense", Prefix: prefixes("10.0.0.7/32")[0]}, {}}
	l.state.Ports["a"] = p
	l.state.Ports["broken"] = intent.Port{ID: "broken", NetworkID: "net", MAC: "zz", Local: true}
	l.state.Ports["nowhere"] = intent.Port{ID: "nowhere", NetworkID: "none", MAC: "fa:16:3e:00:00:09"}
	l.state.Networks["gre"] = intent.Network{ID: "gre", Type: intent.TypeGRE}
	report := l.apply()
	for name := range bad {
		if report.Refused[name] == nil {
			t.Errorf("rule %q was not refused", name)
		}
	}
	for _, id := range []string{"a", "broken", "nowhere", "gre"} {
		if report.Refused[id] == nil {
			t.Errorf("%s was not refused", id)
		}
	}
	if report.Refused["icmp"] != nil || report.Refused["b"] != nil {
		t.Errorf("good objects were refused: %v", report.Refused)
	}
	l.ping(a, "10.0.0.2")
}

func TestS41_UnknownRemoteIsNotAnybody(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, _ := l.pair(egressOnly, intent.Rule{ID: "lost", Direction: intent.Ingress, RemoteGroup: "unknown"})
	report := l.apply()
	if report.Refused["lost"] == nil {
		t.Error("a rule with an unknown remote group was not refused")
	}
	l.noPing(a, "10.0.0.2")
	if l.drops("b", "no-rule-in") == 0 {
		t.Error("the drop is not counted")
	}
	p := l.state.Ports["b"]
	p.SecurityGroups = []string{"missing"}
	l.state.Ports["b"] = p
	if report = l.apply(); report.Refused["missing"] == nil {
		t.Error("an unknown security group was not reported")
	}
	l.noPing(a, "10.0.0.2")
}
