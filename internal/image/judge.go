package image

import (
	"errors"
	"slices"
	"strings"

	"wisp/internal/errs"
	"wisp/internal/qcow2"
)

func bare(i *Image) bool {
	return !slices.Contains([]string{"ovf", "ova", "docker", "compressed"}, i.ContainerFormat)
}

func (u *upload) judge(info qcow2.Info) error {
	u.info = info
	return u.image.judge(info)
}

// judge refuses data that are not what the image says. Archives are opaque:
// they are no disks, and a disk in their place must still be what is declared.
func (i *Image) judge(info qcow2.Info) error {
	declared := i.DiskFormat
	switch {
	case slices.Contains([]string{"aki", "ari", "ami"}, i.ContainerFormat):
		declared = i.ContainerFormat
	case declared == "gpt" && info.Subformat == "gpt":
		declared = "raw"
	case !bare(i) && info.Format == qcow2.Raw:
		declared = ""
	}
	if err := info.Check(declared); err != nil {
		return refused(err)
	}
	return nil
}

func refused(err error) error {
	public, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return err
	}
	return errs.Wrap(err, errs.UnsupportedMedia, "%s", strings.TrimSpace(public.Message))
}
