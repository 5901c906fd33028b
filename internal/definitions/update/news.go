package update

import (
	"fmt"
	"slices"
	"strings"
)

// newsSince returns what the run found that the last one did not, as a message for the operators, ""
// if there is nothing new.
func newsSince(s, last Status, stack string) string {
	var texts []string
	if s.Held != nil && (last.Held == nil || !slices.Equal(last.Held.signatures(), s.Held.signatures())) {
		scans := "Scans use the earlier definitions."
		if s.Current == nil {
			scans = "There are no earlier definitions: scans wait."
		}
		texts = append(texts, fmt.Sprintf("New definitions are held back: %s. %s Show them: lazaret definitions%s. "+
			"Ignore the signature: %s. Publish them in spite of it: %s.", s.Held.Summary, scans, StackFlag(stack),
			IgnoreCommand(s.Held.Detections[0].Signature, stack), s.Held.PublishCommand(stack)))
	}
	if own := s.OwnDetections; own.Files > 0 && !slices.Equal(last.OwnDetections.signatures(), own.signatures()) {
		texts = append(texts, fmt.Sprintf("One of your own signatures seems to be wrong: %s. "+
			"It is used, and holds nothing back. "+
			"Correct it under the prefix of CustomSignatures, then: lazaret definitions update%s.", own, StackFlag(stack)))
	}
	return strings.Join(texts, " ")
}

// PublishCommand returns the command that publishes the generation in spite of its detections. stack
// is the name of the stack; it may be empty for a stack called lazaret.
func (h Hold) PublishCommand(stack string) string {
	return "lazaret definitions publish " + h.Generation.Fingerprint[:8] + StackFlag(stack)
}

// IgnoreCommand returns the command that disables the signature, after which the generation is proved
// again.
func IgnoreCommand(signature, stack string) string { return Command(Ignore, signature, stack) }

// Command returns the command that sends a request about a signature, or about none if it is "".
func Command(request, signature, stack string) string {
	command := "lazaret definitions " + request
	if signature != "" {
		command += " " + Quote(signature)
	}
	return command + StackFlag(stack)
}

// Quote returns the name of a signature as one word of a shell.
func Quote(signature string) string {
	return "'" + strings.ReplaceAll(signature, "'", `'\''`) + "'"
}

// StackFlag returns the flag that names the stack, if the command needs one.
func StackFlag(stack string) string {
	if stack == "" || stack == "lazaret" {
		return ""
	}
	return " --stack-name " + stack
}
