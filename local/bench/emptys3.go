package main

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// emptyS3 starts an S3 that has no object, and returns its endpoint. The function scan asks it what operators have
// decided about contents.
func emptyS3() (endpoint string, stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("start an S3 without objects: %w", err)
	}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`<Error><Code>NoSuchKey</Code><Message>There is no object.</Message></Error>`))
		}),
	}
	go func() { _ = server.Serve(listener) }() // until stop closes it
	return "http://" + listener.Addr().String(), server.Close, nil
}
