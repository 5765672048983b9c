package computeapi_test

import "testing"

func TestAuditLog(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		log := dig(t, b.ask(200, "admin", "2.1", "GET", "/os-instance_usage_audit_log", nil), "instance_usage_audit_logs").(object)
		if log["num_hosts"] != 1.0 || log["num_hosts_not_run"] != 1.0 || log["overall_status"] != "0 of 1 hosts done. 0 errors." || dig(t, log, "hosts_not_run", 0) != "node-1" {
			t.Errorf("the log is %v", log)
		}
		for _, path := range []string{"2024-03-31%2012:00:00", "2024-03-31%2012:00:00.123456"} {
			log = dig(t, b.ask(200, "admin", "2.1", "GET", "/os-instance_usage_audit_log/"+path, nil), "instance_usage_audit_log").(object)
			if log["period_beginning"] != "2024-02-01 00:00:00" || log["period_ending"] != "2024-03-01 00:00:00" {
				t.Errorf("the log of March is %v", log)
			}
		}
		b.ask(400, "admin", "2.1", "GET", "/os-instance_usage_audit_log/mars", nil)
		b.ask(403, "member", "2.1", "GET", "/os-instance_usage_audit_log", nil)
		b.ask(403, "member", "2.1", "GET", "/os-instance_usage_audit_log/mars", nil)
	})
}
