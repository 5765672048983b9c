package demo

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Print writes what was seen from where and how long each step took.
func (r *Result) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nFROM\tTO\tRESULT")
	for _, c := range r.Checks {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", c.From, c.To, c.Detail)
	}
	_, _ = fmt.Fprintln(w, "\nSTEP\tTOOK")
	var total time.Duration
	for _, s := range r.Steps {
		total += s.Took
		_, _ = fmt.Fprintf(w, "%s\t%s\n", s.Step, s.Took.Round(10*time.Millisecond))
	}
	_, _ = fmt.Fprintf(w, "together\t%s\n", total.Round(10*time.Millisecond))
	return w.Flush()
}
