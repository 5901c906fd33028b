package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// atOnce is how many tags are read at once. Two pages are judged at once, and S3 promises 5,500 reads a second.
const atOnce = 32

// judge looks at the tags of the versions of a page, records those that match, and sends them to the queue of rescans.
// A second call for the same page sends the same messages, which dispatch recognises by the names of their executions.
// Those of a retro-scan are sent by count, which knows how much of the budget is left.
func (h *handler) judge(ctx context.Context, s sweep.State, page sweep.Page) (sweep.Judged, error) {
	versions, err := h.read(ctx, s.Request.Prefix, page)
	if err != nil {
		return sweep.Judged{}, err
	}
	var wanted []job.Object
	for _, v := range versions {
		if asks(s, v) && (s.Request.Versions || aws.ToBool(v.IsLatest)) {
			wanted = append(wanted, job.Object{
				Bucket: page.Bucket, Key: aws.ToString(v.Key), VersionID: aws.ToString(v.VersionId),
				ETag: strings.Trim(aws.ToString(v.ETag), `"`), Size: aws.ToInt64(v.Size),
				LastModified: aws.ToTime(v.LastModified).UTC(),
			})
		}
	}
	looks := make([]look, len(wanted))
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, o := range wanted {
		group.Go(func() (err error) {
			looks[i], err = h.look(running, o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return sweep.Judged{}, err
	}
	counts, err := h.conclude(ctx, s, page, wanted, looks)
	return sweep.Judged{Counts: counts, Page: page.Number}, err
}

// look is what the tags of a version say.
type look struct {
	tags    map[string]string // of the verdict
	gone    bool
	refused string // why the tags could not be read
}

// look reads the tags of a version.
func (h *handler) look(ctx context.Context, o job.Object) (look, error) {
	in := &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.VersionID != "" {
		in.VersionId = &o.VersionID
	}
	out, err := h.s3.GetObjectTagging(ctx, in)
	if err = awserr.Classify(err); err == nil {
		return look{tags: verdicttag.Verdict(out.TagSet)}, nil
	}
	switch {
	case awserr.NotFound(err):
		return look{gone: true}, nil
	case errors.Is(err, job.ErrAccessDenied):
		return look{refused: err.Error()}, nil
	}
	return look{}, fmt.Errorf("read the tags of %s: %w", o, err)
}

// conclude counts what was seen, and records and sends what matches.
func (h *handler) conclude(
	ctx context.Context, s sweep.State, page sweep.Page, wanted []job.Object, looks []look,
) (c sweep.Counts, err error) {
	var found bytes.Buffer
	var matching []sweep.Found
	asked := questionOf(s)
	for i, o := range wanted {
		l := looks[i]
		if l.gone {
			c.Vanished++
			continue
		}
		c.Considered++
		verdict := verdictOf(l.tags)
		f := sweep.Found{
			Object: o, Verdict: verdict, Time: l.tags[verdicttag.Time], Definitions: l.tags[verdicttag.Definitions],
			Error: l.refused,
		}
		switch {
		case l.refused != "":
			c.Refused++
		case verdict == "" && (c.OldestUnjudged.IsZero() || o.LastModified.Before(c.OldestUnjudged)):
			c.OldestUnjudged = o.LastModified
		}
		if l.refused == "" && !asked.matches(o, l.tags) {
			continue
		}
		if l.refused == "" {
			c.Matched++
			c.MatchedBytes += o.Size
			matching = append(matching, f)
		}
		line, err := json.Marshal(f)
		if err != nil {
			return c, fmt.Errorf("encode %s: %w", o, err)
		}
		found.Write(append(line, '\n'))
	}
	if found.Len() > 0 {
		if err := h.put(ctx, sweep.ObjectsKey(s.Run, s.Round, page.Number), found.Bytes()); err != nil {
			return c, err
		}
	}
	if s.Request.DryRun || s.Request.Purpose == sweep.Retro {
		return c, nil
	}
	c.Sent = int64(len(matching))
	return c, h.send(ctx, s, matching)
}

// read lists the versions of a page again. Versions that were written since its listing may have come between, so that
// it takes more than one page of S3's list; those behind the page's end belong to the next one.
func (h *handler) read(ctx context.Context, prefix string, page sweep.Page) (all []types.ObjectVersion, err error) {
	for after := page.From; ; {
		listed, err := h.versions(ctx, page.Bucket, prefix, after)
		if err != nil {
			return nil, err
		}
		if page.To == nil || listed.next != nil && *listed.next == *page.To {
			return append(all, listed.versions...), nil
		}
		before, ended := upTo(listed.versions, *page.To)
		if all = append(all, before...); ended {
			return all, nil
		}
		if listed.next == nil || listed.next.Key > page.To.Key {
			return h.withoutBehind(ctx, page.Bucket, *page.To, all)
		}
		after = *listed.next
	}
}

// upTo returns the versions of keys up to that of a place, and whether it has found the version of the place, which is
// the last one then. The version may be a delete marker, or gone.
func upTo(versions []types.ObjectVersion, to sweep.Marker) (before []types.ObjectVersion, found bool) {
	for i, v := range versions {
		switch key := aws.ToString(v.Key); {
		case key > to.Key:
			return versions[:i], false
		case key == to.Key && aws.ToString(v.VersionId) == to.VersionID:
			return versions[:i+1], true
		}
	}
	return versions, false
}

// withoutBehind returns versions without those that have the key of a place and are behind it. Only S3 knows which
// these are: the place may be a delete marker, S3 tells the times of markers and versions in whole seconds, and the SDK
// returns the two as two lists.
func (h *handler) withoutBehind(
	ctx context.Context, bucket string, to sweep.Marker, versions []types.ObjectVersion,
) ([]types.ObjectVersion, error) {
	behind := map[string]bool{}
	for after := to; ; {
		listed, err := h.versions(ctx, bucket, to.Key, after)
		if err != nil {
			return nil, err
		}
		for _, v := range listed.versions {
			if aws.ToString(v.Key) == to.Key {
				behind[aws.ToString(v.VersionId)] = true
			}
		}
		if listed.next == nil || listed.next.Key > to.Key {
			break
		}
		after = *listed.next
	}
	return slices.DeleteFunc(versions, func(v types.ObjectVersion) bool {
		return aws.ToString(v.Key) == to.Key && behind[aws.ToString(v.VersionId)]
	}), nil
}
