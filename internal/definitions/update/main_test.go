package update

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/testing/mirror"
)

// TestMain makes the test binary the run that TestKilled kills.
func TestMain(m *testing.M) {
	if root := os.Getenv("LAZARET_TEST_REFRESH"); root != "" {
		u := Updater{
			Root: root, Staging: os.Getenv("LAZARET_TEST_STAGING"),
			Engine:    clamav.Config{RunDir: os.Getenv("LAZARET_TEST_STAGING")},
			Freshclam: freshclam.Config{Mirror: os.Getenv("LAZARET_TEST_MIRROR"), Attempts: 1},
		}
		s, err := u.Run(context.Background())
		fmt.Println(s.Outcome, err)
		os.Exit(0)
	}
	mirror.Main(m)
}
