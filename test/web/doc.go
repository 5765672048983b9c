// Package web proves the dashboard: a cloud started with its own binary, and
// the distribution's Chromium in front of it, driven by Playwright. The tests
// themselves are web/e2e/*.spec.ts; this package gives them a machine.
package web
