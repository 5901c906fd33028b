package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
	message "github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/tests/harness"
)

const (
	idleWithin  = 20 * time.Minute // bounds the wait for the end of all work
	countWithin = 4 * time.Minute  // the same for the permits, which are counted every minute
	rounds      = 6                // in which dead letters are redriven
)

// settle waits for the end of all work, does what operators do with dead letters and crashed engines, and returns what
// there is then.
func (r *run) settle(ctx context.Context) (*result, error) {
	if err := r.awaitIdle(ctx); err != nil {
		return nil, err
	}
	r.say("all uploads were made, and nothing is in work")
	first, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	letters := len(first.letters)
	if err := r.repeatLetters(ctx, first); err != nil {
		return nil, err
	}
	crashed, err := r.repeatCrashes(ctx)
	if err != nil {
		return nil, err
	}
	if r.tamper != nil {
		if err := r.tamper(ctx, r); err != nil {
			return nil, err
		}
	}
	if err := r.awaitIdle(ctx); err != nil {
		return nil, err
	}
	last, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	last.hadLetter, last.crashed = letters, crashed
	last.lostBefore = account(r.ledger, first).lost()
	if last.announced, err = r.announcements(ctx); err != nil {
		return nil, err
	}
	if err := r.lookForFiles(last); err != nil {
		return nil, err
	}
	last.permits, err = r.countPermits(ctx)
	return last, err
}

// awaitIdle waits until no message waits and no execution runs.
func (r *run) awaitIdle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, idleWithin)
	defer cancel()
	left := ""
	err := poll(ctx, 100*time.Millisecond, func() (bool, error) {
		var err error
		left, err = r.inWork(ctx)
		return left == "", err
	})
	if err != nil {
		return fmt.Errorf("wait until nothing is in work (%s): %w", left, err)
	}
	return nil
}

// inWork says what is in work, "" if nothing is. It reads the queues first, because a message that has left its queue
// has become an execution.
func (r *run) inWork(ctx context.Context) (string, error) {
	for _, queue := range []string{harness.UploadQueue, rescans} {
		visible, hidden, err := r.depth(ctx, queue)
		if err != nil {
			return "", err
		}
		if visible+hidden > 0 {
			return fmt.Sprintf("%d messages in %s, of which %d are hidden", visible+hidden, queue, hidden), nil
		}
	}
	running, err := r.executions(ctx, sfntypes.ExecutionStatusRunning, 100)
	if err != nil || len(running) == 0 {
		return "", err
	}
	return fmt.Sprintf("%d executions, %s among them", len(running), running[0]), nil
}

// countPermits waits until there are as many permits as engines, and all of them are free. It says what is wrong with
// them, "" if nothing is.
func (r *run) countPermits(ctx context.Context) (string, error) {
	waiting, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	wrong := ""
	err := poll(waiting, 200*time.Millisecond, func() (bool, error) {
		free, held, err := r.depth(ctx, permits)
		wrong = ""
		if free != r.engines || held != 0 {
			wrong = fmt.Sprintf("%d are free and %d are held %s after the end of all work, want %d and 0",
				free, held, countWithin, r.engines)
		}
		return wrong == "", err
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return wrong, nil
	}
	return wrong, err
}

// repeatLetters gives objects whose tags leave no room for a verdict room for one, and redrives the dead letters until
// none is left that names an object.
func (r *run) repeatLetters(ctx context.Context, now *result) error {
	for round := 1; round <= rounds && len(now.letters) > 0; round++ {
		r.say("%d dead letters of objects are redriven", len(now.letters))
		for n := range now.letters {
			if err := r.makeRoom(ctx, n); err != nil {
				return err
			}
		}
		if err := r.redrive(ctx); err != nil {
			return err
		}
		if err := r.awaitMove(ctx, len(now.nonsense)); err != nil {
			return err
		}
		var err error
		if now, err = r.lettersOnly(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitMove waits until redriven letters have been worked on. Those that name no object come back.
func (r *run) awaitMove(ctx context.Context, nonsense int) error {
	moved := func() (bool, error) {
		visible, hidden, err := r.depth(ctx, harness.DeadLetterQueue)
		return visible+hidden <= nonsense, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := poll(ctx, 20*time.Millisecond, moved); err != nil {
		return fmt.Errorf("wait until the dead letters are moved: %w", err)
	}
	return r.awaitIdle(ctx)
}

// makeRoom removes one of ten tags of a clean version's own, as an uploader does who wants a verdict.
func (r *run) makeRoom(ctx context.Context, n name) error {
	v := r.ledger.find(n)
	if v == nil || len(v.tags) < 10 || v.upload.kind.want == job.Infected {
		return nil
	}
	tags := maps.Clone(v.tags)
	delete(tags, slices.Sorted(maps.Keys(tags))[0])
	var set []types.Tag
	for k, value := range tags {
		set = append(set, types.Tag{Key: &k, Value: &value})
	}
	_, err := r.clients.S3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{
		Bucket: aws.String(harness.Uploads), Key: &v.key, VersionId: &v.id, Tagging: &types.Tagging{TagSet: set},
	})
	switch {
	case awsclient.Status(err) == http.StatusNotFound: // its uploader has deleted it
		return nil
	case err != nil:
		return fmt.Errorf("remove a tag of %s: %w", v.object(), err)
	}
	v.tags = tags
	return nil
}

// repeatCrashes scans again what was found unscannable because engines were killed, and returns how many versions that
// were in all.
func (r *run) repeatCrashes(ctx context.Context) (crashed int, err error) {
	for range rounds {
		now, err := r.look(ctx)
		if err != nil {
			return crashed, err
		}
		var objects []job.Object
		for _, h := range now.held {
			v := r.ledger.find(name{h.key, h.id})
			if h.bucket == harness.Uploads && h.detail == string(job.EngineCrash) && v != nil {
				objects = append(objects, v.object())
			}
		}
		if len(objects) == 0 {
			return crashed, nil
		}
		crashed += len(objects)
		r.say("%d versions whose engines were killed twice are scanned again", len(objects))
		if err := r.rescan(ctx, objects); err != nil {
			return crashed, err
		}
		if err := r.awaitIdle(ctx); err != nil {
			return crashed, err
		}
	}
	return crashed, nil
}

// lettersOf returns the versions that dead letters name, and the bodies of those that name none. It notes the
// executions that the letters are about.
func (r *run) lettersOf(bodies []string) (letters map[name]string, nonsense []string) {
	letters = map[name]string{}
	for _, body := range bodies {
		var said message.DeadLetter
		_ = json.Unmarshal([]byte(body), &said) // it may be another kind of letter
		m, err := message.Decode([]byte(body))
		if err != nil {
			nonsense = append(nonsense, body)
			continue
		}
		for _, j := range m.Jobs {
			letters[name{j.Object.Key, j.Object.VersionID}] = said.Error + " " + said.Cause
			j.Attempt-- // Decode returns the replay
			r.died[j.ExecutionName()] = true
		}
	}
	return letters, nonsense
}

// announcements returns the versions that were announced, with their verdicts.
func (r *run) announcements(ctx context.Context) (map[name][]job.Verdict, error) {
	bodies, err := r.drain(ctx, announced, false)
	if err != nil {
		return nil, err
	}
	told := map[name][]job.Verdict{}
	for _, body := range bodies {
		var envelope struct{ Message string }
		if err := json.Unmarshal([]byte(body), &envelope); err != nil {
			return nil, fmt.Errorf("read the announcement %s: %w", body, err)
		}
		var said struct {
			Object job.Object
			Scan   job.Scan
		}
		if err := json.Unmarshal([]byte(envelope.Message), &said); err != nil {
			return nil, fmt.Errorf("read the announcement %s: %w", envelope.Message, err)
		}
		n := name{said.Object.Key, said.Object.VersionID}
		told[n] = append(told[n], said.Scan.Verdict)
	}
	return told, nil
}
