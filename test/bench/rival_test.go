package bench

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"wisp/internal/netlinkx"
	"wisp/test/fleet"
	"wisp/test/world"
)

// ends makes the namespaces of a path's two ends.
func ends(f *fleet.Fleet, name string) (from, to string) {
	return f.Netns(name + "a"), f.Netns(name + "b")
}

// address gives the device eth0 of a namespace its address, and brings it up.
func address(f *fleet.Fleet, netns, address string) {
	f.IP(netns, "addr add %s/24 dev eth0", address)
	f.IP(netns, "link set eth0 up")
}

// cable is a pair of veth devices with nothing between them.
func cable(f *fleet.Fleet) path {
	from, to := ends(f, "cable")
	f.IP(from, "link add eth0 type veth peer name eth0 netns %s", to)
	address(f, from, "10.90.0.1")
	address(f, to, "10.90.0.2")
	return path{name: "a veth cable", from: from, to: to, address: "10.90.0.2"}
}

// hang joins two namespaces to a host, each by a cable whose host's end has a
// name of its own.
func hang(f *fleet.Fleet, host, subnet string, namespaces ...string) (devices []string) {
	for i, ns := range namespaces {
		device := fmt.Sprintf("h%d", i+1)
		f.IP(host, "link add %s type veth peer name eth0 netns %s", device, ns)
		f.IP(host, "link set %s up", device)
		address(f, ns, fmt.Sprintf("%s.%d", subnet, i+1))
		devices = append(devices, device)
	}
	return devices
}

// redirect is the least that BPF can do: each cable's end is redirected to the
// other's, and nothing is looked at.
func redirect(t *testing.T, f *fleet.Fleet) path {
	t.Helper()
	host := f.Netns("redirect")
	from, to := ends(f, "redirect-")
	devices := hang(f, host, "10.91.0", from, to)
	err := netlinkx.In(netlinkx.NetnsPath(host), func() error {
		for i, device := range devices {
			at, err := net.InterfaceByName(device)
			if err != nil {
				return err
			}
			other, err := net.InterfaceByName(devices[1-i])
			if err != nil {
				return err
			}
			program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
				Type: ebpf.SchedCLS, License: "GPL",
				Instructions: asm.Instructions{asm.Mov.Imm(asm.R1, int32(other.Index)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return()},
			})
			if err != nil {
				return err
			}
			attached, err := link.AttachTCX(link.TCXOptions{Interface: at.Index, Program: program, Attach: ebpf.AttachTCXIngress})
			if err != nil {
				return err
			}
			t.Cleanup(func() { _, _ = attached.Close(), program.Close() })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return path{name: "veth redirect", from: from, to: to, address: "10.91.0.2"}
}

func bridge(f *fleet.Fleet) path {
	host := f.Netns("bridge")
	from, to := ends(f, "bridge-")
	f.IP(host, "link add br0 type bridge")
	f.IP(host, "link set br0 up")
	for _, device := range hang(f, host, "10.92.0", from, to) {
		f.IP(host, "link set %s master br0", device)
	}
	return path{name: "Linux bridge", from: from, to: to, address: "10.92.0.2"}
}

// kernelVXLAN is two hosts with a bridge each, joined by the kernel's VXLAN
// devices over the fleet's network of tunnels.
func kernelVXLAN(f *fleet.Fleet) path {
	var guests [2]string
	for i := range guests {
		host := f.Netns(fmt.Sprintf("kvx%d", i+1))
		f.Plug(host, fleet.Tunnel, fmt.Sprintf("10.201.0.%d/24", 101+i))
		guests[i] = f.Netns(fmt.Sprintf("kvx%dg", i+1))
		f.IP(host, "link add br0 type bridge")
		f.IP(host, "link set br0 up")
		f.IP(host, "link add vx type vxlan id 7 local 10.201.0.%d remote 10.201.0.%d dstport 4789 dev %s", 101+i, 102-i, fleet.Tunnel)
		f.IP(host, "link set vx master br0 up")
		f.IP(host, "link add h1 type veth peer name eth0 netns %s", guests[i])
		f.IP(host, "link set h1 master br0 up")
		f.IP(guests[i], "link set eth0 mtu 1450")
		address(f, guests[i], fmt.Sprintf("10.93.0.%d", i+1))
	}
	return path{name: "kernel VXLAN on a bridge", from: guests[0], to: guests[1], address: "10.93.0.2"}
}

// openVSwitch is two hosts with Open vSwitch's datapath in user space, and
// returns the ways on one and between both; false where it is not installed.
func openVSwitch(t *testing.T, f *fleet.Fleet) (paths [2]path, ok bool) {
	t.Helper()
	for _, tool := range []string{"ovs-vswitchd", "ovsdb-server", "ovs-vsctl", "ethtool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("Open vSwitch is left out: %v", err)
			return paths, false
		}
	}
	var guests [3]string
	for i := range guests {
		guests[i] = f.Netns(fmt.Sprintf("ovsg%d", i+1))
	}
	var hosts [2]func(args ...string)
	for i := range hosts {
		host := f.Netns(fmt.Sprintf("ovs%d", i+1))
		f.Plug(host, fleet.Tunnel, "")
		hosts[i] = vswitch(t, f, host)
		hosts[i]("add-br", "br-tun", "--", "set", "bridge", "br-tun", "datapath_type=netdev")
		hosts[i]("add-port", "br-tun", fleet.Tunnel)
		hosts[i]("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev")
		hosts[i]("add-port", "br-int", "vx", "--", "set", "interface", "vx", "type=vxlan", "options:key=9", fmt.Sprintf("options:remote_ip=10.201.0.%d", 112-i))
		f.IP(host, "addr add 10.201.0.%d/24 dev br-tun", 111+i)
		f.IP(host, "link set br-tun up")
	}
	for i, ns := range guests {
		on := 0
		if i == 2 {
			on = 1
		}
		host := f.Named(fmt.Sprintf("ovs%d", on+1))
		device := fmt.Sprintf("h%d", i+1)
		f.IP(host, "link add %s type veth peer name eth0 netns %s", device, ns)
		f.IP(host, "link set %s up", device)
		f.IP(ns, "link set eth0 mtu 1450")
		address(f, ns, fmt.Sprintf("10.94.0.%d", i+1))
		// User space takes no checksums that a device has yet to fill in.
		if _, err := f.Try(ns, "ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off"); err != nil {
			t.Fatal(err)
		}
		hosts[on]("add-port", "br-int", device)
	}
	paths[0] = path{name: "Open vSwitch, user space", from: guests[0], to: guests[1], address: "10.94.0.2"}
	paths[1] = path{name: "Open vSwitch, user space, VXLAN", from: guests[0], to: guests[2], address: "10.94.0.3"}
	for _, p := range paths {
		world.Eventually(t, world.Short, func() error {
			_, err := f.Try(p.from, "ping", "-n", "-c", "1", "-W", "1", p.address)
			return err
		})
	}
	return paths, true
}

// vswitch starts Open vSwitch in a namespace, with all its files in a folder
// of the test, and returns what configures it.
func vswitch(t *testing.T, f *fleet.Fleet, netns string) (configure func(args ...string)) {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	db := "unix:" + at("db.sock")
	run := func(args ...string) {
		t.Helper()
		if _, err := f.Try(netns, args...); err != nil {
			t.Fatal(err)
		}
	}
	start := func(args ...string) {
		t.Helper()
		daemon := fleet.Command(context.Background(), netns, args...)
		daemon.Env = append(daemon.Environ(), "OVS_RUNDIR="+dir, "OVS_LOGDIR="+dir)
		if err := daemon.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = daemon.Process.Kill()
			_ = daemon.Wait()
		})
	}
	run("ovsdb-tool", "create", at("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema")
	start("ovsdb-server", at("conf.db"), "--remote=p"+db, "--unixctl="+at("db.ctl"), "--pidfile="+at("db.pid"))
	configure = func(args ...string) {
		t.Helper()
		out, err := f.Try(netns, append([]string{"ovs-vsctl", "--db=" + db, "--timeout=20"}, args...)...)
		if err != nil || strings.Contains(out, "Error") {
			t.Fatalf("ovs-vsctl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	world.Eventually(t, 20*time.Second, func() error {
		_, err := f.Try(netns, "ovs-vsctl", "--db="+db, "--timeout=5", "--no-wait", "init")
		return err
	})
	start("ovs-vswitchd", db, "--unixctl="+at("vs.ctl"), "--pidfile="+at("vs.pid"))
	return configure
}
