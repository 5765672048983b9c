package computeapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

// Paths below the cloud's URL: the page that shows a display, and where the
// bytes of a serial port come over a WebSocket. The token is in the query.
const (
	displayPage  = "/console/vnc"
	serialStream = "/console/serial/stream"
)

func (f *face) consoleRoutes() []api.Route {
	return []api.Route{
		{Method: "POST", Path: "/servers/{id}/remote-consoles", Policy: base + "os-remote-consoles", Min: 6, Handler: f.createConsole},
		{Method: "GET", Path: "/os-console-auth-tokens/{token}", Policy: base + "os-console-auth-tokens", Secret: true, Handler: f.showConsole},
	}
}

// consoleURL is where the holder of a token goes.
func (f *face) consoleURL(r *api.Request, kind, token string) string {
	at := f.url
	if at == "" {
		at = r.BaseURL()
	}
	page := displayPage
	if kind == nodeapi.ConsoleSerial {
		page = serialStream
		at = "ws" + strings.TrimPrefix(at, "http") // http:// and https:// become ws:// and wss://
	}
	return at + page + "?" + url.Values{"token": {token}}.Encode()
}

// createConsole makes a console by protocol and type, which 2.6 brought.
func (f *face) createConsole(r *api.Request) (any, error) {
	protocols, names := []any{"vnc", "spice", "rdp", "serial"}, []any{"novnc", "xvpvnc", "rdp-html5", "spice-html5", "serial"}
	if r.Version >= 8 {
		protocols, names = append(protocols, "mks"), append(names, "webmks")
	}
	var body struct {
		Console struct {
			Protocol string `json:"protocol"`
			Type     string `json:"type"`
			URL      string `json:"url"`
		} `json:"remote_console"`
	}
	err := bind(r, wrapped("remote_console", object(map[string]*schema{
		"protocol": {types: []string{"string"}, enum: protocols},
		"type":     {types: []string{"string"}, enum: names},
	}, "protocol", "type")), &body)
	if err != nil {
		return nil, err
	}
	token, kind, err := f.svc.CreateConsole(r.Context(), r.Caller, r.Param("id"), body.Console.Protocol, body.Console.Type)
	if err != nil {
		return nil, err
	}
	body.Console.URL = f.consoleURL(r, kind, token)
	return body, nil
}

// lastConsoleAction is the last microversion with an action per kind of
// console.
const lastConsoleAction = 5

// consoleAction is the action of one protocol: os-getVNCConsole and the like.
func consoleAction(name, protocol string, types ...any) action {
	return action{base + "os-remote-consoles", func(version int) *schema {
		if version > lastConsoleAction {
			return nil
		}
		return object(map[string]*schema{"type": {types: []string{"string"}, enum: types}}, "type")
	}, func(f *face, r *api.Request, content []byte) (any, error) {
		var body map[string]struct{ Type string }
		if err := json.Unmarshal(content, &body); err != nil {
			return nil, errs.Wrap(err, errs.Invalid, "Malformed request body")
		}
		token, kind, err := f.svc.CreateConsole(r.Context(), r.Caller, r.Param("id"), protocol, body[name].Type)
		if err != nil {
			return nil, err
		}
		r.SetStatus(http.StatusOK)
		return map[string]any{"console": map[string]string{"type": body[name].Type, "url": f.consoleURL(r, kind, token)}}, nil
	}}
}

type consoleAuthView struct {
	ServerID string  `json:"instance_uuid"`
	Host     string  `json:"host"`
	Port     int     `json:"port"` // 0: consoles have no port on their host, the host brings them
	Path     *string `json:"internal_access_path"`
}

// showConsole tells what a token opens. Before 2.31 it was for consoles of a
// kind that there is no more.
func (f *face) showConsole(r *api.Request) (any, error) {
	if r.Version < 31 {
		return nil, errs.New(errs.Invalid, "The requested console type details are not accessible")
	}
	console, err := f.svc.ShowConsole(r.Context(), r.Param("token"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"console": consoleAuthView{ServerID: console.ServerID, Host: console.Host}}, nil
}
