package computeapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
	"wisp/internal/policy"
)

// knownAction refuses a body that is not one of the actions, as Nova does.
func knownAction(content []byte, names ...string) error {
	var body map[string]json.RawMessage
	if err := api.Decode(content, &body); err != nil {
		return errs.Wrap(err, errs.Invalid, "Malformed request body")
	}
	if len(body) == 0 {
		return errs.New(errs.Invalid, "Malformed request body")
	}
	for name := range body {
		if !slices.Contains(names, name) {
			return errs.New(errs.Invalid, "There is no such action: %s", name)
		}
	}
	if len(body) > 1 {
		return errs.New(errs.Invalid, "Additional properties are not allowed: one action at a time.")
	}
	return nil
}

// action is one action of POST /servers/{id}/action.
type action struct {
	rule   string
	schema func(version int) *schema // of what is in the action; nil where the version has no such action
	run    func(f *face, r *api.Request, content []byte) (any, error)
}

func free(version int) *schema { return &anything }

var actions = map[string]action{
	"os-start": {base + "servers:start", free, func(f *face, r *api.Request, _ []byte) (any, error) {
		_, err := f.svc.Start(r.Context(), r.Caller, r.Param("id"))
		return nil, err
	}},
	"os-stop": {base + "servers:stop", free, func(f *face, r *api.Request, _ []byte) (any, error) {
		_, err := f.svc.Stop(r.Context(), r.Caller, r.Param("id"))
		return nil, err
	}},
	"reboot": {base + "servers:reboot", func(int) *schema {
		return object(map[string]*schema{"type": {types: []string{"string"}, enum: []any{"HARD", "Hard", "hard", "SOFT", "Soft", "soft"}}}, "type")
	}, func(f *face, r *api.Request, content []byte) (any, error) {
		var body struct{ Reboot struct{ Type string } }
		if err := api.Decode(content, &body); err != nil {
			return nil, err
		}
		_, err := f.svc.Reboot(r.Context(), r.Caller, r.Param("id"), strings.EqualFold(body.Reboot.Type, "hard"))
		return nil, err
	}},
	"lock": {base + "os-lock-server:lock", func(version int) *schema {
		if version < 73 {
			return &anything
		}
		s := object(map[string]*schema{"locked_reason": {types: []string{"string"}, minLength: 1, maxLength: 255}})
		s.types = append(s.types, "null")
		return s
	}, func(f *face, r *api.Request, content []byte) (any, error) {
		var body struct{ Lock json.RawMessage }
		if err := api.Decode(content, &body); err != nil {
			return nil, err
		}
		var reason *string
		if r.Version >= 73 && string(body.Lock) != "null" {
			var inner struct {
				Reason *string `json:"locked_reason"`
			}
			if err := api.Decode(body.Lock, &inner); err != nil {
				return nil, err
			}
			reason = inner.Reason
		}
		_, err := f.svc.Lock(r.Context(), r.Caller, r.Param("id"), reason)
		return nil, err
	}},
	"unlock": {base + "os-lock-server:unlock", free, func(f *face, r *api.Request, _ []byte) (any, error) {
		_, err := f.svc.Unlock(r.Context(), r.Caller, r.Param("id"))
		return nil, err
	}},
	"os-resetState": {base + "os-admin-actions:reset_state", func(int) *schema {
		return object(map[string]*schema{"state": {types: []string{"string"}, enum: []any{"active", "error"}}}, "state")
	}, func(f *face, r *api.Request, content []byte) (any, error) {
		var body struct {
			Reset struct{ State string } `json:"os-resetState"`
		}
		if err := api.Decode(content, &body); err != nil {
			return nil, err
		}
		_, err := f.svc.ResetState(r.Context(), r.Caller, r.Param("id"), body.Reset.State)
		return nil, err
	}},
	"evacuate":            evacuateAction,
	"addFixedIp":          addFixedIP,
	"removeFixedIp":       removeFixedIP,
	"addFloatingIp":       addFloatingIP,
	"removeFloatingIp":    removeFloatingIP,
	"addSecurityGroup":    addSecurityGroup,
	"removeSecurityGroup": removeSecurityGroup,
	"pause":               pauseAction,
	"unpause":             unpauseAction,
	"suspend":             suspendAction,
	"resume":              resumeAction,
	"rescue":              rescueAction,
	"unrescue":            unrescueAction,
	"rebuild":             rebuildAction,
	"resize":              resizeAction,
	"confirmResize":       confirmResizeAction,
	"revertResize":        revertResizeAction,
	"createImage":         createImageAction,
	"createBackup":        createBackupAction,
	"shelve":              shelveAction,
	"shelveOffload":       shelveOffloadAction,
	"unshelve":            unshelveAction,
	"forceDelete":         forceDeleteAction,
	"restore":             restoreAction,
	"migrate":             migrateAction,
	"os-migrateLive":      liveMigrateAction,
	"changePassword":      changePasswordAction,
	"trigger_crash_dump":  crashDumpAction,
	"os-getVNCConsole":    consoleAction("os-getVNCConsole", "vnc", "novnc", "xvpvnc"),
	"os-getSerialConsole": consoleAction("os-getSerialConsole", "serial", "serial"),
	"os-getSPICEConsole":  consoleAction("os-getSPICEConsole", "spice", "spice-html5"),
	"os-getRDPConsole":    consoleAction("os-getRDPConsole", "rdp", "rdp-html5"),
	"os-getConsoleOutput": {base + "os-console-output", func(int) *schema {
		return object(map[string]*schema{"length": {types: []string{"integer", "string", "null"}, pattern: limitNumber.pattern, minimum: limitNumber.minimum}})
	}, consoleOutput},
}

func consoleOutput(f *face, r *api.Request, content []byte) (any, error) {
	var body struct {
		Output struct{ Length *number64 } `json:"os-getConsoleOutput"`
	}
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	lines := 0
	if n := body.Output.Length; n != nil {
		switch {
		case *n == 0:
			r.SetStatus(http.StatusOK)
			return map[string]string{"output": ""}, nil
		case *n > 0:
			lines = int(*n)
		}
	}
	output, err := f.svc.ConsoleLog(r.Context(), r.Caller, r.Param("id"), lines)
	if err != nil {
		return nil, err
	}
	r.SetStatus(http.StatusOK)
	return map[string]string{"output": tail(legible(output), lines)}, nil
}

// tail is the last lines of a text, as Nova counts them: what follows the last
// end of a line is one. 0 is all.
func tail(text string, lines int) string {
	at := len(text)
	for range lines {
		if at = strings.LastIndexByte(text[:at], '\n'); at < 0 {
			return text
		}
	}
	if lines == 0 {
		return text
	}
	return text[at+1:]
}

// legible drops what cannot stand in JSON or would upset a terminal's reader.
func legible(output []byte) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' && c != 0x1b {
			return -1
		}
		return c
	}, strings.ToValidUTF8(string(output), "\uFFFD"))
}

func (f *face) serverAction(r *api.Request) (any, error) {
	content, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(actions))
	for name := range actions {
		names = append(names, name)
	}
	if err := knownAction(content, names...); err != nil {
		return nil, err
	}
	var body map[string]json.RawMessage
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	for name := range body {
		one := actions[name]
		if err := r.Allow(one.rule, ownTarget(r)); err != nil {
			return nil, err
		}
		inner := one.schema(r.Version)
		if inner == nil {
			return nil, errs.New(errs.NotFound, "The resource could not be found.")
		}
		if err := wrapped(name, inner).check(content, r.Version); err != nil {
			return nil, err
		}
		return one.run(f, r, content)
	}
	return nil, errs.New(errs.Invalid, "Malformed request body")
}

func (f *face) actionRoutes() []api.Route {
	rule := base + "os-instance-actions:"
	return []api.Route{
		{Method: "GET", Path: "/servers/{id}/os-instance-actions", Policy: rule + "list", Handler: f.listActions},
		{Method: "GET", Path: "/servers/{id}/os-instance-actions/{request}", Policy: rule + "show", Handler: f.showAction},
	}
}

type actionView struct {
	Action    string  `json:"action"`
	ServerID  string  `json:"instance_uuid"`
	RequestID string  `json:"request_id"`
	UserID    string  `json:"user_id"`
	ProjectID string  `json:"project_id"`
	StartTime any     `json:"start_time"`
	Message   *string `json:"message"`
	UpdatedAt any     `json:"updated_at,omitempty"` // 2.58
	Events    any     `json:"events,omitempty"`
}

type eventView struct {
	Event     string  `json:"event"`
	StartTime any     `json:"start_time"`
	Finish    any     `json:"finish_time"`
	Result    *string `json:"result"`
	Traceback any     `json:"traceback,omitempty"`
	HostID    any     `json:"hostId,omitempty"` // 2.62
	Host      any     `json:"host,omitempty"`
	Details   any     `json:"details,omitempty"` // 2.84
}

func viewAction(r *api.Request, a compute.Action) actionView {
	v := actionView{
		Action: a.Name, ServerID: a.ServerID, RequestID: a.RequestID, UserID: a.UserID, ProjectID: a.ProjectID, StartTime: micro(a.StartTime), Message: a.Message,
	}
	if r.Version >= 58 {
		v.UpdatedAt = micro(a.UpdatedAt)
	}
	return v
}

func (f *face) listActions(r *api.Request) (any, error) {
	filter := compute.ActionFilter{Deleted: r.Version >= 21}
	limit := 0
	if r.Version >= 58 {
		known := []string{"limit", "marker", "changes-since"}
		if r.Version >= 66 {
			known = append(known, "changes-before")
		}
		if err := noUnknownFrom(r, 58, known...); err != nil {
			return nil, err
		}
		var err error
		if limit, filter.Marker, err = page(r); err != nil {
			return nil, err
		}
		filter.Limit = limit
		for name, to := range map[string]*time.Time{"changes-since": &filter.Since, "changes-before": &filter.Before} {
			if text := r.Query().Get(name); text != "" && (name == "changes-since" || r.Version >= 66) {
				if *to, err = parseTime(text); err != nil {
					return nil, errs.New(errs.Invalid, "Invalid input for query parameters %s. Value: %s. '%s' is not a 'date-time'", name, text, text)
				}
			}
		}
		if !filter.Since.IsZero() && !filter.Before.IsZero() && filter.Before.Before(filter.Since) {
			return nil, errs.New(errs.Invalid, "The value of changes-since must be less than or equal to changes-before.")
		}
	}
	list, err := f.svc.ListActions(r.Context(), r.Caller, r.Param("id"), filter)
	if err != nil {
		return nil, err
	}
	if r.Version >= 58 && none(r) {
		list = nil
	}
	views := make([]actionView, len(list))
	for i := range list {
		views[i] = viewAction(r, list[i])
	}
	body := map[string]any{"instanceActions": views}
	if len(list) > 0 {
		if more := next(r, len(list), limit, list[len(list)-1].RequestID); more != nil {
			body["links"] = more
		}
	}
	return body, nil
}

func (f *face) showAction(r *api.Request) (any, error) {
	a, err := f.svc.GetAction(r.Context(), r.Caller, r.Param("id"), r.Param("request"), r.Version >= 21)
	if err != nil {
		return nil, err
	}
	view := viewAction(r, a)
	full := r.Can(ruleEvents, policy.Target{})
	if full || r.Version >= 51 {
		events := make([]eventView, len(a.Events))
		for i, e := range a.Events {
			events[i] = eventView{Event: e.Name, StartTime: micro(e.StartTime), Finish: micro(e.FinishTime), Result: e.Result}
			if full {
				events[i].Traceback = (*string)(nil)
			}
			if r.Version >= 62 {
				events[i].HostID = compute.HostID(a.ProjectID, e.Host)
				if full {
					events[i].Host = e.Host
				}
			}
			if r.Version >= 84 {
				if r.Can(ruleEventDetails, policy.Target{}) {
					events[i].Details = e.Details
				} else if own, public := e.PublicDetails(); public {
					events[i].Details = own
				}
			}
		}
		view.Events = events
	}
	return map[string]any{"instanceAction": view}, nil
}
