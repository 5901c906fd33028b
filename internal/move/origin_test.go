package move_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/move"
)

func TestOriginID(t *testing.T) {
	t.Parallel()
	tag := func(value string) []types.Tag {
		return []types.Tag{{Key: aws.String("own"), Value: aws.String("x y z u")}, {
			Key: aws.String(move.OriginTag), Value: &value,
		}}
	}
	for name, tt := range map[string]struct {
		metadata map[string]string
		tags     []types.Tag
		want     string
	}{
		"metadata":           {metadata: map[string]string{move.KeyID: "a"}, want: "a"},
		"tag":                {tags: tag("b - 2026-11-30T00:00:00Z bucket"), want: "b"},
		"a forged tag":       {metadata: map[string]string{move.KeyID: "a"}, tags: tag("b - t bucket"), want: "a"},
		"a tag of the user":  {tags: tag("b")},
		"neither":            {},
		"metadata of others": {metadata: map[string]string{"id": "a"}},
	} {
		if got := move.OriginID(tt.metadata, tt.tags); got != tt.want {
			t.Errorf("%s: OriginID() = %q, want %q", name, got, tt.want)
		}
	}
}
