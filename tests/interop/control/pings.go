// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// pings writes down how nodes answer PingRequests whose URL leads to /ping/ of this server.
type pings struct {
	mu   sync.Mutex
	seen []pingReply
}

type pingReply struct {
	Method, Path, Body string
}

func (p *pings) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, pingReply{r.Method, r.URL.RequestURI(), string(body)})
}

func (p *pings) list(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	json.NewEncoder(w).Encode(p.seen)
}
