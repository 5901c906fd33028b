package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/lazaret/lazaret/internal/definitions"
)

// acceptedFile lists the detections with which an operator published a generation. They hold no later
// generation back.
const acceptedFile = "accepted.json"

// readAccepted returns the accepted detections.
func readAccepted(root string) ([]definitions.Detection, error) {
	data, err := os.ReadFile(filepath.Join(root, acceptedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []definitions.Detection
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("read the accepted detections: %w", err)
	}
	return all, nil
}

// writeAccepted replaces the accepted detections.
func writeAccepted(root string, all []definitions.Detection) error {
	path := filepath.Join(root, acceptedFile)
	var err error
	if len(all) == 0 {
		if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	} else {
		var data []byte
		if data, err = json.MarshalIndent(all, "", "  "); err == nil {
			err = replaceFile(path, append(data, '\n'))
		}
	}
	if err != nil {
		return fmt.Errorf("write the accepted detections: %w", err)
	}
	return nil
}

// subtract returns the detections of all that are not among others.
func subtract(all, others []definitions.Detection) []definitions.Detection {
	return slices.DeleteFunc(
		slices.Clone(all),
		func(d definitions.Detection) bool { return slices.Contains(others, d) },
	)
}
