package node

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// usage is how busy the host is; what cannot be read is 0.
type usage struct {
	memoryMiB int
	diskGiB   int // of the file system of the state directory
	load      float64
}

func measure(dir string) usage {
	var u usage
	var stat unix.Statfs_t
	if unix.Statfs(dir, &stat) == nil {
		u.diskGiB = int(int64(stat.Blocks-stat.Bfree) * stat.Bsize >> 30)
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		u.memoryMiB = (field(string(text), "MemTotal:") - field(string(text), "MemAvailable:")) >> 10
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(text), " ")
		u.load, _ = strconv.ParseFloat(first, 64) // 0 when it is no number
	}
	return u
}

// field reads a number of /proc/meminfo, in KiB.
func field(text, name string) int {
	_, rest, found := strings.Cut(text, name)
	if !found {
		return 0
	}
	number, _ := strconv.Atoi(strings.Fields(rest)[0]) // 0 when it is no number
	return number
}
