package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// steps shows what a command does: a line for each step when it ends, and on a
// terminal a spinner with the time that it has taken so far.
type steps struct {
	out      io.Writer
	terminal bool
}

func newSteps(out io.Writer) *steps {
	f, ok := out.(*os.File)
	return &steps{out: out, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// do runs one step and returns its error.
func (s *steps) do(name string, step func() error) error {
	start := time.Now()
	stop := func() {}
	if s.terminal {
		progress := mpb.New(mpb.WithOutput(s.out), mpb.WithAutoRefresh())
		bar := progress.AddSpinner(0, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name("  "+name+" ")), mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
		stop = func() {
			bar.SetTotal(0, true)
			progress.Wait()
		}
	}
	err := step()
	stop()
	mark := "✓"
	if err != nil {
		mark = "✗"
	}
	_, _ = fmt.Fprintf(s.out, "%s %s (%s)\n", mark, name, time.Since(start).Round(10*time.Millisecond))
	return err
}
