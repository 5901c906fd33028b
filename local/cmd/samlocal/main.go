// Command samlocal runs a command of the SAM CLI against the local stack:
//
//	go run ./local/samlocal --volume DIR sam local invoke …
//
// SAM starts functions in containers that have a network of their own, where
// 127.0.0.1 is not this machine, and it mounts no file system (aws-sam-cli#2122).
// This command stands between SAM and the Docker engine and lets the containers
// that SAM creates have both: the host's network and DIR at /mnt/lazaret. All
// other requests pass as they are. It is for development on Linux; nothing that
// is deployed knows it.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	volume := flag.String(
		"volume",
		"",
		"folder to mount at /mnt/lazaret, the shared volume of lazaret local --data DIR: DIR/volume/lazaret",
	)
	flag.Parse()
	if *volume == "" || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: samlocal --volume DIR sam local invoke ...")
		os.Exit(2)
	}
	err := run(*volume, flag.Args())
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exited.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "samlocal:", err)
		os.Exit(1)
	}
}

func run(volume string, command []string) error {
	volume, err := filepath.Abs(volume)
	if err != nil {
		return err
	}
	if _, err := os.Stat(volume); err != nil {
		return fmt.Errorf("find the volume: %w", err)
	}
	dir, err := os.MkdirTemp("", "samlocal-") // nobody else's to enter
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(engine(), volume)}
	defer server.Close()
	go func() { _ = server.Serve(listener) }() // ends when the server is closed

	// Ctrl-C reaches SAM too, which removes its container before it ends.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+socket)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// engine is the socket of the real engine.
func engine() string {
	return strings.TrimPrefix(cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"), "unix://")
}

// handler passes everything on, and containers to be created as they are to be.
func handler(socket, volume string) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		FlushInterval: -1, // logs are followed while they are written
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/containers/create") {
			if err := rewrite(r, volume); err != nil {
				http.Error(w, `{"message":"samlocal: container that cannot be changed"}`, http.StatusBadRequest)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	})
}
