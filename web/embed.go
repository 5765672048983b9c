//go:build !no_ui

// Package web is the dashboard's files, put into the binary as the web build
// left them in dist. It imports nothing of the project. The build tag no_ui
// leaves them out.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files returns the built dashboard, with index.html at its top; without
// index.html when it was not built, and nil when it was left out.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // dist is no valid path: a mistake in the line above
	}
	return files
}
