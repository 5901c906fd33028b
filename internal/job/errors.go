package job

import "errors"

// The errors that mean something to the state machine. Wrap them freely with
// %w; internal/step translates them once into the names below.
var (
	// ErrObjectGone: the object version was permanently deleted.
	ErrObjectGone = errors.New("object gone")
	// ErrObjectChanged: the bucket keeps no versions and the object was
	// overwritten; the newer one has an event of its own.
	ErrObjectChanged = errors.New("object changed")
	// ErrSuperseded: a newer version of the object was promoted already, or a
	// later scan of this version found it worse.
	ErrSuperseded = errors.New("superseded")
	// ErrWorkFileGone: the work file was swept between fetch and scan.
	ErrWorkFileGone = errors.New("work file gone")
	// ErrDefinitionsNotReady: no generation of definitions was published yet.
	ErrDefinitionsNotReady = errors.New("definitions not ready")
	// ErrEngine: the engine failed; the next invocation starts a new one.
	ErrEngine = errors.New("engine failed")
	// ErrTransient: S3, the volume or the network failed in a way that passes.
	ErrTransient = errors.New("transient failure")
	// ErrTagLimit: the object has ten tags of its own (S3's limit).
	ErrTagLimit = errors.New("tag limit reached")
	// ErrAccessDenied: a policy or a key refused; never a verdict.
	ErrAccessDenied = errors.New("access denied")
	// ErrBadJob: the input is no job that this code understands.
	ErrBadJob = errors.New("bad job")
)

// Named is every error with the name under which the state machine knows it,
// most specific first: an error that wraps two of them gets the first name.
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
	{ErrAccessDenied, "AccessDenied"},
	{ErrEngine, "Engine"},
	{ErrTransient, "Transient"},
}

// Unnamed is the name of every other error. Nothing retries it: it ends in the
// dead-letter queue.
const Unnamed = "Unexpected"

// Name returns the name under which the state machine knows err.
func Name(err error) string {
	for _, n := range Named {
		if errors.Is(err, n.Err) {
			return n.Name
		}
	}
	return Unnamed
}
