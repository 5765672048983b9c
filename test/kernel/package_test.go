package kernel

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// unpackKernel downloads the distribution's kernel with apt to the folder debs,
// where the guest image's build keeps its packages too, and unpacks it below
// dir. An asked name of "" is the distribution's kernel for clouds, Debian's or
// Ubuntu's. It gives the kernel's file and the folder of its modules.
func unpackKernel(asked, debs, dir string) (image, modules string, err error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", "", fmt.Errorf("the kernel is one of a distribution with apt: %w", err)
	}
	names := []string{asked}
	if asked == "" {
		names = []string{"linux-image-cloud-amd64", "linux-image-virtual"}
	}
	var files []string
	for _, name := range names {
		var all []string
		if all, err = kernelPackages(name); err != nil {
			continue
		}
		if files, err = download(debs, all); err == nil {
			break
		}
	}
	if err != nil {
		return "", "", err
	}
	for _, f := range files {
		if out, err := exec.Command("dpkg-deb", "-x", f, dir).CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("unpacking %s: %w: %s", f, err, out)
		}
	}
	// Packages say lib/modules or usr/lib/modules, depending on the distribution.
	for _, lib := range []string{"lib", "usr/lib"} {
		found, _ := filepath.Glob(filepath.Join(dir, lib, "modules", "*"))
		if len(found) == 1 {
			return filepath.Join(dir, "boot", "vmlinuz-"+filepath.Base(found[0])), found[0], nil
		}
	}
	return "", "", fmt.Errorf("%s has no folder of modules", strings.Join(files, ", "))
}

// kernelPackages follows a package without a version to those with the kernel
// and its modules.
func kernelPackages(name string) ([]string, error) {
	out, err := exec.Command("apt-cache", "--no-all-versions", "show", name).Output()
	if err != nil || len(out) == 0 {
		return nil, errors.Join(fmt.Errorf("apt knows no package %s (its lists may be missing: apt-get update)", name), err)
	}
	all := []string{name}
	for line := range strings.Lines(string(out)) {
		list, ok := strings.CutPrefix(line, "Depends: ")
		if !ok {
			continue
		}
		for field := range strings.SplitSeq(list, ",") {
			needed, _, _ := strings.Cut(strings.TrimSpace(field), " ")
			if strings.HasPrefix(needed, "linux-modules-") || strings.HasPrefix(needed, "linux-image-") {
				more, err := kernelPackages(needed)
				if err != nil {
					return nil, err
				}
				all = append(all, more...)
			}
		}
	}
	return all, nil
}

// download gives the files of packages, whose newest versions are fetched when
// they are not in the folder.
func download(debs string, names []string) ([]string, error) {
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return nil, err
	}
	fetch := exec.Command("apt-get", append([]string{"-qq", "-o", "APT::Sandbox::User=root", "download"}, names...)...)
	fetch.Dir = debs
	if out, err := fetch.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("downloading %s: %w: %s", strings.Join(names, ", "), err, out)
	}
	// It tells the names of files only where they are not yet.
	elsewhere, err := os.MkdirTemp("", "uris")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(elsewhere)
	ask := exec.Command("apt-get", append([]string{"-qq", "--print-uris", "download"}, names...)...)
	ask.Dir = elsewhere
	out, err := ask.Output()
	if err != nil {
		return nil, fmt.Errorf("asking for the files of %s: %w", strings.Join(names, ", "), err)
	}
	var files []string
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) >= 2 {
			files = append(files, filepath.Join(debs, fields[1]))
		}
	}
	return files, nil
}
