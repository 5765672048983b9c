package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"wisp/internal/nodeapi"
)

// savedState is the file that holds the server's last word, of which cloud it
// was and by which name this host was known there.
type savedState struct {
	Cloud    string        `json:"cloud,omitempty"`
	Host     string        `json:"host,omitempty"`
	Revision int64         `json:"revision"`
	State    nodeapi.State `json:"state"`
}

func (n *Node) savedPath() string { return filepath.Join(n.cfg.StateDir, "state.json") }

// save replaces the file. It has user data and passwords in it: only root
// may read it.
func (n *Node) save(s savedState) error {
	encoded, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	next := n.savedPath() + ".new"
	if err := os.WriteFile(next, encoded, 0o600); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	if err := os.Rename(next, n.savedPath()); err != nil {
		return fmt.Errorf("replacing the state: %w", err)
	}
	return nil
}

// load reads the file. One that is damaged, as after a power failure, counts
// as none: the server says everything again.
func (n *Node) load() (savedState, bool) {
	encoded, err := os.ReadFile(n.savedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return savedState{}, false
	}
	var s savedState
	if err == nil {
		err = json.Unmarshal(encoded, &s)
	}
	if err != nil {
		n.log.Error("the saved state of this host cannot be read; waiting for the server", "file", n.savedPath(), "error", err)
		return savedState{}, false
	}
	return s, true
}
