package computeapi

import "wisp/internal/api"

var crashDumpAction = action{base + "servers:trigger_crash_dump", func(version int) *schema {
	if version < 17 {
		return nil
	}
	return &schema{types: []string{"null"}}
}, func(f *face, r *api.Request, _ []byte) (any, error) {
	return nil, f.svc.TriggerCrashDump(r.Context(), r.Caller, r.Param("id"))
}}
