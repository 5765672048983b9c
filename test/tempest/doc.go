// Package tempest runs Tempest, the test suite of OpenStack's own developers,
// against a cloud. Its tests are in stages (stages/*.txt, one test's id a line);
// what does not pass is in known.md with the reason.
package tempest
