package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// confirm asks a person a question, and returns an error that ends with otherwise unless the answer is yes. Where
// nobody can answer, the answer is no.
func confirm(ctx context.Context, in io.Reader, w io.Writer, question, otherwise string) error {
	fmt.Fprint(w, question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n') // no answer is no
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return stoppedError{errors.New(otherwise)}
	case text := <-answer:
		if strings.EqualFold(text, "y") || strings.EqualFold(text, "yes") {
			return nil
		}
	}
	return fmt.Errorf("not confirmed (--yes does not ask): %s", otherwise)
}
