package nodeapi

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"wisp/internal/errs"
)

func TestCall(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	server, dial := startServer(t, cloud, cloud.subscribe)
	release := make(chan struct{})
	client, stop := startClient(t, dial, &fakeAgent{host: "h1", call: func(ctx context.Context, method string, params json.RawMessage) (any, error) {
		switch method {
		case "echo":
			return params, nil
		case "missing":
			return nil, errs.New(errs.NotFound, "No such instance.")
		case "busy":
			return nil, errs.New(errs.Unavailable, "Others are at it.").WithType(TypeHostBusy)
		case "broken":
			return nil, errors.New("secret detail")
		case "unencodable":
			return make(chan int), nil
		}
		select { // "hang"
		case <-release:
		case <-ctx.Done():
		}
		return "late", nil
	}})
	eventually(t, "the session", func() bool { return len(server.Hosts()) == 1 })

	beat := time.NewTicker(Heartbeat)
	defer beat.Stop()
	go func() { // so that a slow machine does not lose the session
		for {
			select {
			case <-beat.C:
				client.Report(Report{})
			case <-t.Context().Done():
				return
			}
		}
	}()
	big := strings.Repeat("x", 1<<20)
	var got ConsoleLogParams
	if err := server.Call(t.Context(), "h1", "echo", ConsoleLogParams{InstanceID: big, Lines: 3}, &got); err != nil || got.InstanceID != big || got.Lines != 3 {
		t.Errorf("echo = %v (%d bytes back)", err, len(got.InstanceID))
	}
	if err := server.Call(t.Context(), "h1", "echo", nil, nil); err != nil {
		t.Errorf("a call without a result = %v", err)
	}
	for name, c := range map[string]struct {
		host, method string
		params       any
		kind         errs.Kind
		says         string
	}{
		"unknown host":          {"h2", "echo", nil, errs.Unavailable, "not connected"},
		"kind of the node":      {"h1", "missing", nil, errs.NotFound, "No such instance."},
		"unclassified failure":  {"h1", "broken", nil, errs.Internal, "failed"},
		"unencodable parameter": {"h1", "echo", make(chan int), errs.Internal, "encoding"},
		"unencodable result":    {"h1", "unencodable", nil, errs.Internal, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := server.Call(t.Context(), c.host, c.method, c.params, nil)
			if !errs.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("call = %v (%v), want %v with %q", err, errs.Of(err), c.kind, c.says)
			}
		})
	}
	t.Run("type of an error", func(t *testing.T) {
		err := server.Call(t.Context(), "h1", "busy", nil, nil)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Unavailable || e.Type != TypeHostBusy {
			t.Errorf("call = %v, want one of type %s", err, TypeHostBusy)
		}
	})
	t.Run("result of another shape", func(t *testing.T) {
		var number int
		if err := server.Call(t.Context(), "h1", "echo", "text", &number); err == nil {
			t.Error("a text was decoded into a number")
		}
	})
	t.Run("timeout leaves the session usable", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := server.Call(ctx, "h1", "hang", nil, nil); !errs.Is(err, errs.Unavailable) {
			t.Errorf("call = %v, want unavailable", err)
		}
		close(release) // the late answer comes now, and nobody waits
		if err := server.Call(t.Context(), "h1", "echo", 1, nil); err != nil {
			t.Errorf("the next call = %v", err)
		}
	})
	t.Run("node goes away during a call", func(t *testing.T) {
		release = make(chan struct{})
		failed := make(chan error, 1)
		go func() { failed <- server.Call(context.Background(), "h1", "hang", nil, nil) }()
		eventually(t, "the call is on its way", func() bool {
			server.mu.Lock()
			s := server.hosts["h1"].session
			server.mu.Unlock()
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.pending) == 1
		})
		stop()
		if err := <-failed; !errs.Is(err, errs.Unavailable) {
			t.Errorf("call = %v, want unavailable", err)
		}
	})
}
