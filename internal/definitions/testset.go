package definitions

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lazaret/lazaret/internal/eicar"
)

// TestSignature is the name that clamd reports for EICAR with the definitions of WriteTest. clamd
// appends ".UNOFFICIAL" to each signature that is not from a signed container.
const TestSignature = "Eicar-Test-Signature.UNOFFICIAL"

// WriteTest creates dir and writes definitions with one signature for EICAR into it: for tests, and to
// try Lazaret without a ClamAV mirror. The signature matches EICAR anywhere in a file of any type, so
// that it is found in whatever the engine can unpack.
func WriteTest(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create folder for test definitions: %w", err)
	}
	// Extended signature format: name, target type (0 = any), offset (* =
	// anywhere), content in hexadecimal.
	line := "Eicar-Test-Signature:0:*:" + hex.EncodeToString(eicar.Bytes()) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "eicar.ndb"), []byte(line), 0o644); err != nil {
		return fmt.Errorf("write test definitions: %w", err)
	}
	return nil
}
