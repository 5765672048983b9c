// Package tempest runs Tempest, the test suite of OpenStack's own developers,
// against a cloud. Its tests are in stages (stages/*.txt, one test's id a line);
// what does not pass is in known.md with the reason. How each test ended last is
// in results/, beside OpenStack Zed's result where there is one.
package tempest
