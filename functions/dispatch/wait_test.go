package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWaitForPermit has two uploads wait for one permit, which comes back after five minutes.
func TestWaitForPermit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0)
		began := time.Now()
		time.AfterFunc(5*time.Minute, func() { b.queues.Put(permitsURL, "{}") })
		b.queues.Put(uploadsURL, event("second"))
		if !b.upload(t, event("first")) {
			t.Fatal("the message was handed back, want it done")
		}
		if took := time.Since(began); took < 5*time.Minute || took > 5*time.Minute+time.Second {
			t.Errorf("started after %v, want when the permit was free, after 5 minutes", took)
		}
		if got := len(b.queues.Bodies(permitsURL)); got != 0 {
			t.Errorf("got %d permits, want none: the execution has it", got)
		}
	})
}

// TestRescansWait checks when a rescan takes a permit: at once, or only when others are done.
func TestRescansWait(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		max     int // number of permits
		free    int // of them
		uploads int // that wait
		starts  bool
	}{
		{name: "nothing else to do", max: 20, free: 20, starts: true},
		{name: "more than a quarter free", max: 20, free: 6, starts: true},
		{name: "a quarter free", max: 20, free: 5},
		{name: "nothing free", max: 20},
		{name: "an upload waits", max: 20, free: 20, uploads: 1},
		{name: "one permit, free", max: 1, free: 1, starts: true},
		{name: "one permit, in use", max: 1},
		{name: "one permit, an upload waits", max: 1, free: 1, uploads: 1},
		{name: "two permits, both free", max: 2, free: 2, starts: true},
		{name: "two permits, one free", max: 2, free: 1},
		{name: "three permits, two free", max: 3, free: 2, starts: true},
		{name: "three permits, one free", max: 3, free: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, tt.free)
				b.maxInWork = tt.max
				for range tt.uploads {
					b.queues.Put(uploadsURL, event("upload"))
				}
				b.queues.Put(rescansURL, event("rescan"))
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				began := time.Now()
				done := b.deliver(ctx, t, rescansURL, rescansARN)
				if done != tt.starts || done != (time.Since(began) == 0) {
					t.Errorf("done %t after %v, want %t", done, time.Since(began), tt.starts)
				}
				want := tt.free
				if tt.starts {
					want--
				}
				if got := b.queues.Visible(permitsURL); got != want {
					t.Errorf("got %d free permits, want %d", got, want)
				}
			})
		})
	}
}

// TestRescansGoOn has a rescan wait behind uploads, and start within two seconds after they are done.
func TestRescansGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2)
		b.queues.Put(uploadsURL, event("upload"))
		b.queues.Put(rescansURL, event("rescan"))
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		looked := 0
		b.network.Before = func(operation string) error {
			if operation == "GetQueueAttributes" {
				looked++
			}
			return nil
		}
		time.AfterFunc(10*time.Minute, func() {
			if b.queues.Visible(uploadsURL) != 1 {
				t.Errorf("got %d uploads, want one", b.queues.Visible(uploadsURL))
			}
			b.receive(t, uploadsURL, uploadsARN)
		})
		began := time.Now()
		if !b.deliver(ctx, t, rescansURL, rescansARN) {
			t.Fatal("the rescan was handed back, want it done")
		}
		if took := time.Since(began) - 10*time.Minute; took < 0 || took > 2*time.Second {
			t.Errorf("started %v after the last upload was received, want within 2 s", took)
		}
		if looked < 400 || looked > 900 { // once a second, for ten minutes
			t.Errorf("looked %d times in ten minutes, want about 600", looked)
		}
	})
}

// TestUploadsComeFirst has an upload and a rescan wait for the one permit, which comes back.
func TestUploadsComeFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			b := newBench(t, 0)
			b.maxInWork = 1
			b.queues.Put(rescansURL, event("rescan"))
			b.queues.Put(uploadsURL, event("upload"))
			rescan, upload := b.receive(t, rescansURL, rescansARN), b.receive(t, uploadsURL, uploadsARN)
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			done := make(chan struct{})
			go func() { b.handleMessage(ctx, rescan); close(done) }()
			go b.handleMessage(ctx, upload)
			time.Sleep(30 * time.Second)
			b.queues.Put(permitsURL, "{}")
			<-done
			cancel()
			synctest.Wait()
			if diff := cmp.Diff([]string{"upload"}, keys(b.started)); diff != "" {
				t.Fatalf("started (-want +got):\n%s", diff)
			}
		}
	})
}
