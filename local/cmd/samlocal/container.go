package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"golang.org/x/sys/unix"
)

// emulator is the program that SAM adds to an image and starts first. It listens
// at a port that Docker publishes under another number, which a container on the
// host's network must take itself.
const (
	emulator     = "/var/rapid/aws-lambda-rie"
	emulatorPort = "8080/tcp"
)

// rewrite changes the body of a request to create a container, if the container
// is a function's: it gets the host's network, the volume, and the volume's owner as its user.
func rewrite(r *http.Request, volume string) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	var owner unix.Stat_t
	if err := unix.Stat(volume, &owner); err != nil {
		return fmt.Errorf("find the volume's owner: %w", err)
	}
	if body, err = changed(body, volume, fmt.Sprintf("%d:%d", owner.Uid, owner.Gid), freePort); err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// changed decodes only what it changes; the rest of a container's many settings
// pass as raw JSON.
func changed(body []byte, volume, user string, port func() (string, error)) ([]byte, error) {
	var container, host map[string]json.RawMessage
	var entrypoint []string
	if err := json.Unmarshal(body, &container); err != nil {
		return nil, fmt.Errorf("decode the container: %w", err)
	}
	if json.Unmarshal(container["Entrypoint"], &entrypoint) != nil || len(entrypoint) == 0 ||
		entrypoint[0] != emulator {
		return body, nil
	}
	if err := json.Unmarshal(container["HostConfig"], &host); err != nil {
		return nil, fmt.Errorf("decode the container's host: %w", err)
	}
	var published map[string][]struct{ HostPort string }
	if err := json.Unmarshal(host["PortBindings"], &published); err != nil || len(published[emulatorPort]) == 0 {
		return nil, fmt.Errorf("find the port of the emulator: %s", host["PortBindings"])
	}
	api, err := port()
	if err != nil {
		return nil, fmt.Errorf("find a port for the Runtime API: %w", err)
	}
	var binds []string
	if len(host["Binds"]) > 0 {
		if err := json.Unmarshal(host["Binds"], &binds); err != nil {
			return nil, fmt.Errorf("decode the container's mounts: %w", err)
		}
	}
	put := func(into map[string]json.RawMessage, name string, value any) {
		into[name], _ = json.Marshal(value) // strings and lists of them always marshal
	}
	put(host, "Binds", append(binds, volume+":/mnt/lazaret"))
	put(host, "NetworkMode", "host")
	delete(host, "PortBindings")
	delete(container, "ExposedPorts")
	delete(container, "NetworkingConfig")
	put(container, "User", user) // the local stack lets in itself, and those to whom it gave its volume
	put(container, "HostConfig", host)
	put(container, "Entrypoint", append([]string{
		emulator, "--runtime-interface-emulator-address", "127.0.0.1:" + published[emulatorPort][0].HostPort,
		"--runtime-api-address", "127.0.0.1:" + api,
	}, entrypoint[1:]...))
	return json.Marshal(container)
}

// freePort is free now; whoever takes it before the emulator does makes the
// invocation fail, not go astray.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
