// Package guest has only tests: the image itself is made by the script "build"
// out of the other files here. The tests boot it in an emulated machine.
package guest

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kdomanski/iso9660"
	"golang.org/x/crypto/ssh"
)

const (
	bootLimit  = 90 * time.Second // for a machine whose tests run at the same time as others
	loginLimit = 30 * time.Second
)

// password is the one that the image's users know.
var password = ssh.Password("gocubsgo")

// metadataRole, in the environment, makes the test binary answer one HTTP
// request on its standard streams: QEMU starts it per connection of the guest.
const metadataRole = "WISP_GUEST_TEST_METADATA"

func TestMain(m *testing.M) {
	if file := os.Getenv(metadataRole); file != "" && len(os.Args) == 2 && os.Args[1] == "metadata" {
		if err := answer(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// answer serves one request from a JSON file of paths and bodies.
func answer(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the answers: %w", err)
	}
	pages := map[string]string{}
	if err := json.Unmarshal(data, &pages); err != nil {
		return fmt.Errorf("decoding the answers: %w", err)
	}
	request, err := http.ReadRequest(bufio.NewReader(os.Stdin))
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	status, body := "404 Not Found", "no such page"
	if page, ok := pages[request.URL.Path]; ok {
		status, body = "200 OK", page
	}
	_, err = fmt.Fprintf(os.Stdout, "HTTP/1.0 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, len(body), body)
	return err
}

// signer makes a key pair and gives it with its line for authorized_keys.
func signer(t *testing.T, kind string) (ssh.Signer, string) {
	t.Helper()
	var private any
	var err error
	switch kind {
	case "ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "rsa":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ecdsa":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, string(ssh.MarshalAuthorizedKey(s.PublicKey()))
}

// configDrive writes an ISO 9660 image with the label and files of a config drive.
func configDrive(t *testing.T, files map[string]string) string {
	t.Helper()
	writer, err := iso9660.NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Cleanup() }()
	for path, content := range files {
		if err := writer.AddFile(strings.NewReader(content), path); err != nil {
			t.Fatal(err)
		}
	}
	var image bytes.Buffer
	if err := writer.WriteTo(&image, "config-2"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.iso")
	if err := os.WriteFile(path, image.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDiskWithConfigDrive(t *testing.T) {
	t.Parallel()
	disk := overlay(t, image(t, "guest.qcow2"), "1G")
	edKey, edLine := signer(t, "ed25519")
	rsaKey, rsaLine := signer(t, "rsa")
	ecKey, ecLine := signer(t, "ecdsa")
	drive := configDrive(t, map[string]string{
		"openstack/latest/meta_data.json": toJSON(t, map[string]any{
			"uuid":        "5f3c9c0e-0000-4000-8000-000000000001",
			"hostname":    "first.novalocal",
			"public_keys": map[string]string{"a": edLine, "b": rsaLine, "c \"quoted\"": ecLine},
		}),
		"openstack/latest/user_data": "#!/bin/sh\necho user-data says hello from $(id -un)\necho ran >> /var/lib/ran\n",
	})
	o := options{memory: 128, disk: disk, extra: []string{"-drive", "file=" + drive + ",if=ide,media=cdrom,format=raw"}}

	m := boot(t, o)
	m.waitFor(t, loginLimit, " login: ")
	t.Logf("login prompt after %v", time.Since(m.started).Round(10*time.Millisecond))
	m.waitFor(t, bootLimit, "user-data says hello from root")
	m.waitFor(t, bootLimit, "user data's script has ended")
	for _, text := range []string{"hostname=first", "SSH host keys", "SHA256:", "10.0.2.15/24", "default via 10.0.2.2", "metadata=config drive", "gocubsgo"} {
		if !strings.Contains(m.console.String(), text) {
			t.Errorf("console lacks %q", text)
		}
	}
	for _, key := range []ssh.Signer{edKey, rsaKey, ecKey} {
		if out := run(t, m.dial(t, loginLimit, ssh.PublicKeys(key)), "hostname"); out != "first" {
			t.Errorf("hostname = %q, with a %s key", out, key.PublicKey().Type())
		}
	}
	client := m.dial(t, loginLimit, password)
	checkCommands(t, client)
	if size, err := strconv.Atoi(run(t, client, "df -k / | awk 'END { print $2 }'")); err != nil || size < 900<<10 {
		t.Errorf("root filesystem has %d KiB of a disk of 1 GiB: %v", size, err)
	}
	hostKey := run(t, client, "sudo md5sum /etc/dropbear/dropbear_ed25519_host_key")

	t.Run("plugged NIC gets an address", func(t *testing.T) {
		m.command(t, "netdev_add", map[string]any{"type": "user", "id": "net1", "net": "10.0.7.0/24"})
		m.command(t, "device_add", map[string]any{"driver": "virtio-net-pci", "netdev": "net1", "id": "nic1"})
		eventually(t, loginLimit, "address on eth1", func() bool {
			out, err := tryRun(client, "ip -4 -o address show dev eth1")
			return err == nil && strings.Contains(out, "10.0.7.15/24")
		})
		if out := run(t, client, "ip route show default"); !strings.HasPrefix(out, "default via 10.0.2.2") {
			t.Errorf("first default route is not that of the first NIC: %s", out)
		}
	})

	run(t, client, "echo kept > kept && sync")
	off := m.powerOff(t, 10*time.Second)
	t.Logf("off %v after the power button", off.Round(10*time.Millisecond))

	m = boot(t, o)
	m.waitFor(t, bootLimit, "guest: boot finished")
	client = m.dial(t, loginLimit, ssh.PublicKeys(edKey))
	if out := run(t, client, "cat kept"); out != "kept" {
		t.Errorf("file after reboot = %q", out)
	}
	if out := run(t, client, "cat /var/lib/ran"); out != "ran" {
		t.Errorf("user data ran again: %q", out)
	}
	if out := run(t, client, "sudo md5sum /etc/dropbear/dropbear_ed25519_host_key"); out != hostKey {
		t.Errorf("host key changed: %s, was %s", out, hostKey)
	}
	if out := run(t, client, "dmesg"); strings.Contains(out, "EXT4-fs error") || strings.Contains(out, "recovery complete") {
		t.Errorf("the filesystem was not clean: %s", out)
	}
}

// checkCommands tries what users and test suites run in a CirrOS.
func checkCommands(t *testing.T, client *ssh.Client) {
	t.Helper()
	tests := []struct{ name, command, want string }{
		{"sudo", "sudo id -u", "0"},
		{"sudo as login", "sudo su - -c whoami", "root"},
		{"root is locked", "sudo cut -d: -f1,2 /etc/shadow | head -1", "root:*"},
		{"no sudo for others", "sudo -u nobody sudo -n true 2>&1 | grep -c 'password is required'", "1"},
		{"pipefail", "set -eu -o pipefail; PATH=$PATH:/sbin:/usr/sbin; echo fine", "fine"},
		{"ping", "ping -c1 -W5 -s56 127.0.0.1 | grep -c '1 received'", "1"},
		{"ping by timeout", "timeout 9 ping -c1 127.0.0.1 | grep -c '1 received'", "1"},
		{"ping6", "ping6 -c1 -W5 ::1 | grep -c '1 received'", "1"},
		{"ip with details", "ip -d link show lo | grep -c promiscuity", "1"},
		{"address", "ip -o addr | awk '/10.0.2.15/ {print $2}'", "eth0"},
		{"lsblk", "lsblk -lb --nodeps | grep -c 'disk'", "1"},
		{"blkid", "sudo blkid -s LABEL -o value /dev/vda1", "guest-root"},
		{"blkid by a user", "blkid -L guest-root -o device", "/dev/vda1"},
		{"config drive", "sudo mount $(blkid -L config-2 -o device) /mnt && sudo head -c 1 /mnt/openstack/latest/meta_data.json; sudo umount /mnt", "{"},
		{"udhcpc pid", "sudo kill -0 $(cat /var/run/udhcpc.eth0.pid) && echo alive", "alive"},
		{"console", "sudo sh -c 'echo from-user >/dev/console' && echo sent", "sent"},
		{"curl", "curl -s -o /dev/null -w '%{exitcode}' http://127.0.0.1:1/ || true", "7"},
		{"os-release", ". /etc/os-release; echo $ID", "wisp-guest"},
		{"mkfs", "dd if=/dev/zero of=/tmp/f bs=1M count=4 2>/dev/null; sudo mkfs.ext4 -q -F /tmp/f && sudo mkfs -t ext4 -F /tmp/f >/dev/null 2>&1 && sudo mount -o loop /tmp/f /mnt && sudo umount /mnt && echo made", "made"},
		{"nc", "(echo answer | nc -lp 7001 >/tmp/nc1 &) ; for i in 1 2 3 4 5; do sleep 1; echo question | nc -w 2 127.0.0.1 7001 && break; done; cat /tmp/nc1", "answer\nquestion"},
		{"nc udp", "(nc -u -l -p 7002 >/tmp/nc2 &) ; for i in 1 2 3 4 5; do sleep 1; echo datagram | nc -u -w 1 127.0.0.1 7002; [ -s /tmp/nc2 ] && break; done; head -n 1 /tmp/nc2; killall nc", "datagram"},
		{"nc with program", "(sudo nc  -p 7003 -lk -e echo foolish >/dev/null 2>&1 </dev/null &) ; for i in 1 2 3 4 5; do sleep 1; echo x | nc -w 2 127.0.0.1 7003 >/tmp/nc3 && break; done; cat /tmp/nc3; echo x | nc -w 2 127.0.0.1 7003; pidof nc >/dev/null && sudo killall nc", "foolish\nfoolish"},
		{"nc udp with program", "(sudo nc -u -p 7004 -lk -e echo foolish >/dev/null 2>&1 </dev/null &) ; for i in 1 2 3 4 5; do sleep 1; echo x | nc -u -w 2 127.0.0.1 7004 >/tmp/nc4; [ -s /tmp/nc4 ] && break; done; head -n 1 /tmp/nc4; pidof nc >/dev/null && sudo killall nc", "foolish"},
		{"all there", "for c in arp awk base64 blkid cat chmod curl dd df dmesg free grep head hostname ifconfig ip kill killall ls lsblk md5sum mkfs.ext4 mke2fs mkdir mount nc netstat nslookup ping ping6 ps route scp sed sha256sum ssh ss sudo sync tar tee telnet top touch traceroute umount uname uptime vi wc wget xargs; do command -v $c >/dev/null || PATH=$PATH:/sbin:/usr/sbin command -v $c >/dev/null || echo $c; done", ""},
	}
	for _, test := range tests {
		if out, err := tryRun(client, test.command); err != nil || out != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, out, err, test.want)
		}
	}
}

func TestKernelWithMetadataService(t *testing.T) {
	t.Parallel()
	openstack := func(line string) map[string]string {
		return map[string]string{
			"/openstack/latest/meta_data.json": toJSON(t, map[string]any{
				"uuid": "5f3c9c0e-0000-4000-8000-000000000002", "hostname": "second", "public_keys": map[string]string{"a": line},
			}),
			"/openstack/latest/user_data": "#!/bin/sh\necho from the service\n",
		}
	}
	ec2 := func(line string) map[string]string {
		return map[string]string{
			"/latest/meta-data/instance-id":               "i-00000002",
			"/latest/meta-data/hostname":                  "second.novalocal",
			"/latest/meta-data/public-keys/":              "0=a",
			"/latest/meta-data/public-keys/0/openssh-key": line,
			"/latest/user-data":                           "#!/bin/sh\necho from the service\n",
		}
	}
	tests := []struct {
		name   string
		memory int
		pages  func(line string) map[string]string
	}{
		{"OpenStack form and little memory", 80, openstack},
		{"EC2 form", 96, ec2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			disk := overlay(t, image(t, "guest-rootfs.qcow2"), "300M")
			key, line := signer(t, "ed25519")
			pages := filepath.Join(t.TempDir(), "pages")
			if err := os.WriteFile(pages, []byte(toJSON(t, test.pages(line))), 0o600); err != nil {
				t.Fatal(err)
			}
			options := options{
				memory: test.memory, disk: disk,
				net: ",net=169.254.169.0/24,host=169.254.169.2,dhcpstart=169.254.169.15,guestfwd=tcp:169.254.169.254:80-cmd:" +
					"/usr/bin/env " + metadataRole + "=" + pages + " " + os.Args[0] + " metadata",
				extra: []string{
					"-kernel", image(t, "guest.vmlinuz"), "-initrd", image(t, "guest.initrd"),
					"-append", "root=/dev/vda console=tty0 console=ttyS0 cryptomgr.notests",
				},
			}
			m := boot(t, options)
			m.waitFor(t, bootLimit, "from the service")
			client := m.dial(t, loginLimit, ssh.PublicKeys(key))
			if out := run(t, client, "hostname"); out != "second" {
				t.Errorf("hostname = %q", out)
			}
			if out := run(t, client, "free | awk '/Mem/ { print $2 }'"); out == "" {
				t.Error("no memory shown")
			}
			t.Logf("memory of %d MiB: %s", test.memory, run(t, client, "free"))
			if size, err := strconv.Atoi(run(t, client, "df -k / | awk 'END { print $2 }'")); err != nil || size < 270<<10 {
				t.Errorf("root filesystem has %d KiB of a disk of 300 MiB: %v", size, err)
			}
			run(t, client, "sudo reboot")
			eventually(t, bootLimit, "second boot", func() bool {
				return strings.Count(m.console.String(), "guest: boot finished") == 2
			})
		})
	}
}

func TestWithoutMetadata(t *testing.T) {
	t.Parallel()
	m := boot(t, options{memory: 128, disk: overlay(t, image(t, "guest.qcow2"), "200M"), net: ",restrict=on"})
	client := m.dial(t, bootLimit, password)
	t.Logf("password login after %v", time.Since(m.started).Round(10*time.Millisecond))
	m.waitFor(t, bootLimit, "no metadata")
	if out := run(t, client, "hostname"); out != "cirros" {
		t.Errorf("hostname = %q", out)
	}

	// What comes after the guest has lost its patience counts all the same.
	_, line := signer(t, "ed25519")
	drive := configDrive(t, map[string]string{"openstack/latest/meta_data.json": toJSON(t, map[string]any{
		"uuid": "5f3c9c0e-0000-4000-8000-000000000003", "hostname": "late.novalocal", "public_keys": map[string]string{"a": line},
	})})
	m.command(t, "blockdev-add", map[string]any{"driver": "raw", "node-name": "late", "read-only": true, "file": map[string]any{"driver": "file", "filename": drive}})
	m.command(t, "device_add", map[string]any{"driver": "virtio-blk-pci", "drive": "late", "id": "drive1"})
	m.waitFor(t, bootLimit, "hostname=late instance=5f3c9c0e-0000-4000-8000-000000000003 metadata=config drive /dev/vdb, late")
	if out := run(t, client, "grep -c ed25519 .ssh/authorized_keys; blkid -L config-2"); out != "1\n/dev/vdb" {
		t.Errorf("keys and label: %q", out)
	}
}
