package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"wisp/internal/archive"
	"wisp/internal/image"
	"wisp/internal/store"
)

func backupCommand() *cobra.Command {
	var (
		s      settings
		output string
		images bool
	)
	command := &cobra.Command{
		Use:   "backup",
		Short: "Save the cloud's database, keys and settings in one file, while it runs or not",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(); err != nil {
				return err
			}
			if output == "" {
				output = time.Now().UTC().Format("wisp-backup-20060102T150405Z.tar.gz")
			}
			return s.backup(c.Context(), output, images, c.OutOrStdout())
		},
	}
	stateFlag(command, &s)
	command.Flags().StringVarP(&output, "output", "o", "", "file to write, which must not be there (default: wisp-backup-TIME.tar.gz here)")
	command.Flags().BoolVar(&images, "images", false, "save the images' data too")
	return command
}

func (s *settings) backup(ctx context.Context, output string, images bool, out io.Writer) (err error) {
	if _, err := os.Lstat(output); err == nil {
		return fmt.Errorf("%s is there already", output)
	}
	db, err := store.OpenUnchanged(ctx, s.database(), warnings())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	config := archive.SaveConfig{Version: buildVersion(), StateDir: s.StateDir}
	if images {
		blobs, err := s.imageStores(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = blobs.Close() }()
		config.Blobs = blobs
	}
	// Who can read it can be the administrator.
	file, err := os.OpenFile(output+".new", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(output + ".new") }() // when it is still there
	var manifest archive.Manifest
	err = newSteps(out).do("save the cloud", func() (err error) {
		manifest, err = archive.Save(ctx, db, config, file)
		return errors.Join(err, file.Sync(), file.Close())
	})
	if err != nil {
		return err
	}
	if err := os.Rename(output+".new", output); err != nil {
		return err
	}
	for _, key := range manifest.Missing {
		_, _ = fmt.Fprintf(out, "The data %s of an image were not there and are not saved.\n", key)
	}
	without := ""
	if !images {
		without = " The images' data are not in it: --images saves them."
	}
	_, err = fmt.Fprintf(out, "The cloud is saved in %s. It holds its keys and passwords: keep it as you keep them.%s\n", output, without)
	return err
}

// imageStores opens where the images' data are.
func (s *settings) imageStores(ctx context.Context) (*image.Archive, error) {
	location := s.ImageStore
	if location == "" {
		location = s.path("images")
	}
	stores, err := image.OpenStores(ctx, location, s.ImageStores)
	if err != nil {
		return nil, err
	}
	return image.OpenArchive(stores...), nil
}
