// Wisp is a whole private cloud in one binary. This package holds its command
// line: flags and configuration are parsed here and nowhere else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"wisp/internal/errs"
)

// version is set by the linker; a plain go build takes the module's.
var version = ""

// garbagePercent is how much garbage may lie beside what is alive, where GOGC
// says nothing else. Go's 100 would be a sixth more memory, for a tenth of the
// processor's time at most.
const garbagePercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		var silent exitCode
		if errors.As(err, &silent) {
			os.Exit(int(silent))
		}
		fmt.Fprintln(os.Stderr, "wisp:", publicMessage(err))
		os.Exit(1)
	}
}

// exitCode ends the program with a status and no further words.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// publicMessage is what a person at the command line reads: unlike a client of
// the API, they see the cause too.
func publicMessage(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Err == nil {
		return e.Message
	}
	return err.Error()
}

func root() *cobra.Command {
	command := &cobra.Command{
		Use:           "wisp",
		Short:         "A whole private cloud in one binary, with the OpenStack APIs",
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	command.AddCommand(upCommand(), downCommand(), purgeCommand(), statusCommand(), serverCommand(), nodeCommand(), openrcCommand(), doctorCommand(), demoCommand(), traceCommand())
	command.AddCommand(dbCommand(), backupCommand(), restoreCommand(), keysCommand())
	return command
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
