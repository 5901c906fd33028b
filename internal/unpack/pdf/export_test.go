package pdf

// Types and functions with which the tests encrypt.
type (
	Dictionary = dictionary
	Name       = name
	Keyword    = keyword
)

var (
	OldKeyFor = oldKeyFor
	OldCheck  = oldCheck
	NewHash   = newHash
	RC4Over   = rc4Over
	Xored     = xored
	Paeth     = paeth
)

const (
	EmptyPassword = emptyPassword
	MaxAlone      = maxAlone
)
