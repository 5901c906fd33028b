package s3

import (
	"encoding/json"
	"sync"
)

// memo keeps decoded values by their JSON. A request reads the settings of its bucket and the version of its object
// several times, and decoding them takes as long as the rest of a small request. What it returns is shared, and must
// not be changed. As the JSON is all that a value depends on, transactions do not see each other's.
type memo[T any] struct {
	limit  int // how many values it keeps
	mu     sync.RWMutex
	byText map[string]T
}

func (m *memo[T]) decode(text []byte) (v T, err error) {
	m.mu.RLock()
	v, known := m.byText[string(text)]
	m.mu.RUnlock()
	if known {
		return v, nil
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byText == nil || len(m.byText) >= m.limit {
		m.byText = make(map[string]T, m.limit)
	}
	m.byText[string(text)] = v
	return v, nil
}
