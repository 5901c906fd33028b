package s3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// programs run as processes of their own, see TestMain.
var programs = map[string]func(dir string) error{"upload": uploadUntilKilled, "fill": fillAndMakeRoom}

func program(t *testing.T, name, dir string, command ...string) *exec.Cmd {
	t.Helper()
	if len(command) == 0 {
		command = []string{os.Args[0]}
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "S3_PROGRAM="+name, "S3_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// announcing is the backend with events that are rows of the same store.
func announcing(dir string) (*buckets, error) {
	state, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	return open(context.Background(), Config{
		Store: state,
		Buckets: []template.Bucket{
			{
				Name:          "bbb",
				Versioned:     true,
				Notifications: []template.Notification{{Event: "s3:ObjectCreated:*", QueueARN: uploads}},
			},
		},
		Deliver: func(tx *bbolt.Tx, _, body string) error {
			b, err := tx.CreateBucketIfNotExists([]byte("test/events"))
			if err != nil {
				return err
			}
			n, err := b.NextSequence()
			if err != nil {
				return err
			}
			return b.Put(order(n), []byte(body))
		},
	})
}

func uploadOne(b *buckets, key string, size int) (string, error) {
	out, err := b.PutObject(context.Background(), s3response.PutObjectInput{
		Bucket: aws.String(
			"bbb",
		),
		Key:           &key,
		Body:          strings.NewReader(strings.Repeat("x", size)),
		ContentLength: aws.Int64(int64(size)),
	})
	return out.VersionID, err
}

// account compares versions, events and files, which must be the same ones.
func account(b *buckets) (versions map[string]int64, err error) {
	versions = map[string]int64{}
	events, files := 0, 0
	err = b.state.View(func(tx *bbolt.Tx) error {
		if e := tx.Bucket([]byte("test/events")); e != nil {
			events = e.Stats().KeyN
		}
		return tx.Bucket(objectsBucket).Bucket([]byte("bbb")).ForEach(func(k, value []byte) error {
			v, err := decode(k, value)
			if err != nil {
				return err
			}
			versions[v.ID] = v.Size
			info, err := os.Stat(b.bodies.path(v.Body))
			if err == nil && info.Size() != v.Size {
				err = fmt.Errorf("%s has %d bytes on the disk and %d in the store", k, info.Size(), v.Size)
			}
			return err
		})
	})
	err = errors.Join(err, filepath.WalkDir(string(b.bodies), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
		}
		return err
	}))
	if err == nil && (events != len(versions) || files != len(versions)) {
		err = fmt.Errorf("%d versions, %d events, %d files", len(versions), events, files)
	}
	return versions, err
}

// uploadUntilKilled says the id of each version that is acknowledged.
func uploadUntilKilled(dir string) error {
	b, err := announcing(dir)
	if err != nil {
		return err
	}
	for i := range 1_000_000 {
		id, err := uploadOne(b, fmt.Sprint("k", i%10), 1+i%100_000)
		if err != nil {
			return err
		}
		fmt.Println(id)
	}
	return errors.New("nobody killed it")
}

func TestKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	acknowledged := map[string]bool{}
	for round := range 5 {
		cmd := program(t, "upload", dir)
		out := must2(cmd.StdoutPipe())(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines, n := bufio.NewScanner(out), 0; lines.Scan(); n++ {
			acknowledged[lines.Text()] = true
			if n == 20+7*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		b := must2(announcing(dir))(t)
		versions, err := account(b)
		if err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		for id := range acknowledged {
			if _, there := versions[id]; !there {
				t.Errorf("round %d: version %s was acknowledged and is gone", round, id)
			}
		}
		if err := b.state.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(acknowledged) < 100 {
		t.Errorf("%d uploads were acknowledged: the test proves little", len(acknowledged))
	}
}

// fillAndMakeRoom runs on a small disk of its own.
func fillAndMakeRoom(dir string) error {
	b, err := announcing(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	taken, refused := 0, 0
	for i := range 300 {
		_, err := uploadOne(b, fmt.Sprint("k", i), []int{100, 5_000, 200_000}[i%3])
		known, _ := errors.AsType[s3err.S3Error](err)
		switch {
		case err == nil:
			taken++
		case known != nil && known.StatusCode() == 500 && strings.Contains(err.Error(), "no space left"):
			refused++
		default:
			return fmt.Errorf("on a full disk: %w, want a 500 that says so", err)
		}
	}
	if taken == 0 || refused == 0 {
		return fmt.Errorf("%d uploads were taken and %d refused", taken, refused)
	}
	versions, err := account(b)
	if err != nil || len(versions) != taken {
		return fmt.Errorf("%d versions of %d: %w", len(versions), taken, err)
	}
	if err := os.Remove(filepath.Join(dir, "room")); err != nil {
		return err
	}
	if _, err := uploadOne(b, "with room again", 100_000); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	if err := b.state.Close(); err != nil {
		return err
	}
	if b, err = announcing(filepath.Join(dir, "store")); err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	if versions, err = account(b); err != nil || len(versions) != taken+1 {
		return fmt.Errorf("%d versions of %d after a restart: %w", len(versions), taken+1, err)
	}
	return b.state.Close()
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	mount := `mount --make-rprivate / && mount -t tmpfs -o size=4m none "$S3_DIR" && head -c 1000000 /dev/zero >"$S3_DIR/room" && exec "$0"`
	cmd := program(t, "fill", dir, "/bin/sh", "-c", mount, os.Args[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if out, err := cmd.Output(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestReadOnWhileDeleted has a client that reads slowly when the version goes.
func TestReadOnWhileDeleted(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	body := strings.Repeat("0123456789abcdef", 1<<20)
	id := putBody(t, c, b, k, body)
	out := must2(c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: &k}))(t)
	defer out.Body.Close()
	must2(io.ReadFull(out.Body, make([]byte, 1000)))(t)
	must2(c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &k, VersionId: &id}))(t)
	if rest := must2(io.ReadAll(out.Body))(t); string(rest) != body[1000:] {
		t.Errorf("%d bytes came after the deletion, want %d", len(rest), len(body)-1000)
	}
}
