package job

import "errors"

// The errors that the state machine knows. Wrap them with %w; package step translates them into the
// names of Named.
var (
	// ErrObjectGone: the version of the object was permanently deleted.
	ErrObjectGone = errors.New("object gone")
	// ErrObjectChanged: the bucket keeps no versions and the object was overwritten; the new object has
	// its own event.
	ErrObjectChanged = errors.New("object changed")
	// ErrSuperseded: a newer version of the object was promoted already, or a later scan of this version
	// has a worse verdict.
	ErrSuperseded = errors.New("superseded")
	// ErrWorkFileGone: the work file was removed between Fetch and Scan.
	ErrWorkFileGone = errors.New("work file gone")
	// ErrDefinitionsNotReady: no generation of definitions is published yet, or the published one is too
	// old.
	ErrDefinitionsNotReady = errors.New("definitions not ready")
	// ErrEngine: the engine failed; the next invocation starts a new one.
	ErrEngine = errors.New("engine failed")
	// ErrTransient: S3, the volume or the network failed, and the same request may succeed later.
	ErrTransient = errors.New("transient failure")
	// ErrTagLimit: the object has ten tags of its own, S3's limit, and no room for the verdict.
	ErrTagLimit = errors.New("tag limit reached")
	// ErrSignatureOnTrial: the signature is new and hits too many different files. The object waits as a
	// dead letter until an operator has decided: ADR 29.
	ErrSignatureOnTrial = errors.New("signature on trial")
	// ErrTrialUncounted: S3 failed while the files that a new signature hits were counted. Once the
	// retries end, the object is moved without.
	ErrTrialUncounted = errors.New("trial not counted")
	// ErrAccessDenied: a policy or a KMS key refused the request.
	ErrAccessDenied = errors.New("access denied")
	// ErrBadJob: the input is not a job that this code can process.
	ErrBadJob = errors.New("bad job")
)

// Named lists the errors with their names in the state machine, the most specific first: an error that
// wraps two of them gets the name that comes first.
var Named = []struct {
	Err  error
	Name string
}{
	{ErrBadJob, "BadJob"},
	{ErrObjectGone, "ObjectGone"},
	{ErrObjectChanged, "ObjectChanged"},
	{ErrSuperseded, "Superseded"},
	{ErrWorkFileGone, "WorkFileGone"},
	{ErrDefinitionsNotReady, "DefinitionsNotReady"},
	{ErrTagLimit, "TagLimit"},
	{ErrSignatureOnTrial, "SignatureOnTrial"},
	{ErrTrialUncounted, "TrialUncounted"},
	{ErrAccessDenied, "AccessDenied"},
	{ErrEngine, "Engine"},
	{ErrTransient, "Transient"},
}

// Unnamed is the name of every other error. The state machine does not retry it and sends the job to
// the dead-letter queue.
const Unnamed = "Unexpected"

// Name returns the name of err in the state machine.
func Name(err error) string {
	for _, n := range Named {
		if errors.Is(err, n.Err) {
			return n.Name
		}
	}
	return Unnamed
}
