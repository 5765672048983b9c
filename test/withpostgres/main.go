// Withpostgres starts a PostgreSQL server of its own, runs a command with its
// URL in WISP_TEST_POSTGRES, and stops and removes it again.
//
//	withpostgres go test ./...
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"wisp/internal/store/storetest"
	"wisp/test/postgres"
)

func main() {
	runtime.LockOSThread() // the server dies with the thread that started it
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
		code = 1
	}
	os.Exit(code)
}

func run(command []string) (code int, err error) {
	if len(command) == 0 {
		return 0, errors.New("usage: withpostgres COMMAND [ARG...]")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := postgres.Start(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	child := exec.Command(command[0], command[1:]...)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.Env = append(os.Environ(), storetest.Postgres+"="+server.URL("postgres"))
	if err := child.Start(); err != nil {
		return 0, err
	}
	go func() {
		<-ctx.Done()
		_ = child.Process.Signal(syscall.SIGTERM)
	}()
	err = child.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}
