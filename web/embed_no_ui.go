//go:build no_ui

// Package web has no files in this build.
package web

import "io/fs"

// Files returns nil: the dashboard was left out.
func Files() fs.FS { return nil }
