package kernel

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// modules are the kernel modules below a folder /lib/modules/VERSION.
type modules struct {
	version string
	files   map[string]string // path by name, which has no "-"
	builtin map[string]bool
}

func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

func openModules(dir string) (*modules, error) {
	m := &modules{version: filepath.Base(dir), files: map[string]string{}, builtin: map[string]bool{}}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(d.Name(), ".ko") {
			m.files[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(list)) {
		m.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	return m, nil
}

// module is a module as the kernel loads it.
type module struct {
	name string
	body []byte
}

// closure gives the named modules and what they need, in the order in which
// they can be loaded. What the kernel has built in is left out.
func (m *modules) closure(names ...string) ([]module, error) {
	var all []module
	seen := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		name = strings.ReplaceAll(name, "-", "_")
		if seen[name] || m.builtin[name] {
			return nil
		}
		seen[name] = true
		path, ok := m.files[name]
		if !ok {
			return fmt.Errorf("the kernel %s has no module %s", m.version, name)
		}
		body, err := readModule(path)
		if err != nil {
			return fmt.Errorf("reading module %s: %w", name, err)
		}
		needs, err := dependencies(body)
		if err != nil {
			return fmt.Errorf("reading module %s: %w", name, err)
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return fmt.Errorf("%w, which %s needs", err, name)
			}
		}
		all = append(all, module{name, body})
		return nil
	}
	for _, n := range names {
		if err := visit(n); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// dependencies reads the names of the modules that a module needs out of it;
// no index of them comes with the package of a kernel.
func dependencies(body []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("it has no section .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := strings.CutPrefix(string(field), "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}

// readModule reads a module, which some distributions compress, and takes off
// its signature: checking it takes an emulated CPU longer than loading.
func readModule(path string) ([]byte, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for suffix, tool := range map[string]string{".xz": "xz", ".zst": "zstd"} {
		if strings.HasSuffix(path, suffix) {
			cmd := exec.Command(tool, "-dc")
			cmd.Stdin = bytes.NewReader(body)
			if body, err = cmd.Output(); err != nil {
				return nil, fmt.Errorf("%s: %w", tool, err)
			}
		}
	}
	return unsigned(body), nil
}

// unsigned cuts off the signature at the end of a module: itself, twelve bytes
// that end in its length (big endian), and a line; linux/module_signature.h.
func unsigned(body []byte) []byte {
	const line, info = "~Module signature appended~\n", 12
	rest, ok := bytes.CutSuffix(body, []byte(line))
	if !ok || len(rest) < info {
		return body
	}
	n := len(rest)
	size := int(rest[n-4])<<24 | int(rest[n-3])<<16 | int(rest[n-2])<<8 | int(rest[n-1])
	if size < 0 || size > n-info {
		return body
	}
	return rest[:n-info-size]
}
