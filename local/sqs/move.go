package sqs

import "time"

func (s *Service) run(t *moveTask, ids []string) {
	var tick <-chan time.Time
	if t.rate > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(t.rate))
		defer ticker.Stop()
		tick = ticker.C
	}
	for i, id := range ids {
		if i > 0 && tick != nil {
			select {
			case <-tick:
			case <-t.cancel:
				return
			case <-s.closed:
				return
			}
		}
		if !s.moveOne(t, id) {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.status == "RUNNING" {
		t.status = "COMPLETED"
	}
}

// moveOne moves a message unless it has been received meanwhile, and tells
// whether the task goes on. A message that no redrive policy put there (sent
// directly, by EventBridge, by a state machine) has no source to go back to, and
// fails the task: SQS Developer Guide, "Troubleshoot issues with dead-letter
// queue redrive".
func (s *Service) moveOne(t *moveTask, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.status != "RUNNING" {
		return false
	}
	fail := func(reason string) bool {
		t.status, t.reason = "FAILED", reason
		return false
	}
	from := s.queues[nameOf(t.source)]
	if from == nil {
		return fail("AWS.SimpleQueueService.NonExistentQueue")
	}
	now := time.Now()
	i := from.index(id)
	if i < 0 || from.messages[i].VisibleAt.After(now) {
		return true
	}
	m := from.messages[i]
	target := t.destination
	if target == "" {
		target = m.Source
	}
	if target == "" {
		return fail("CouldNotDetermineMessageSource")
	}
	to := s.queues[nameOf(target)]
	if to == nil {
		return fail("AWS.SimpleQueueService.NonExistentQueue")
	}
	// A redriven message is a new one: new id, new retention, no receives
	// (SQS Developer Guide, "Configure a dead-letter queue redrive").
	fresh := &message{ID: newID(), Body: m.Body, Attributes: m.Attributes, System: m.System, Sent: now, VisibleAt: now}
	if err := s.commit(entry{Op: opPut, Queue: to.Name, Message: fresh, From: from.Name, ID: id}); err != nil {
		return fail(err.Error())
	}
	t.moved++
	return true
}
