// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"tailscale.com/tailcfg"
)

// admin is the API that tests use, served on a Unix socket.
func (t *tailnet) admin(services map[string]*service) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /nodes", func(w http.ResponseWriter, r *http.Request) {
		type entry struct {
			*tailcfg.Node
			Streaming bool
		}
		list := []entry{}
		nodes := t.nodes()
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, n := range nodes {
			_, on := t.streams[n.ID]
			list = append(list, entry{n, on})
		}
		json.NewEncoder(w).Encode(list)
	})
	mux.HandleFunc("GET /pings", t.pings.list)
	mux.HandleFunc("POST /{service}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		s := services[r.PathValue("service")]
		switch verb := r.PathValue("verb"); {
		case s != nil && verb == "down":
			s.down()
		case s != nil && verb == "up":
			reply(w, s.up())
		default:
			http.NotFound(w, r)
		}
	})
	mux.HandleFunc("POST /auth", func(w http.ResponseWriter, r *http.Request) {
		if !t.srv.CompleteAuth(r.FormValue("url")) {
			http.Error(w, "no such login", http.StatusNotFound)
		}
	})
	mux.HandleFunc("POST /auth-key", func(_ http.ResponseWriter, r *http.Request) {
		t.srv.RequireAuthKey = r.FormValue("key")
	})
	mux.HandleFunc("PUT /filter", func(w http.ResponseWriter, r *http.Request) {
		var rules []tailcfg.FilterRule
		if err := json.NewDecoder(r.Body).Decode(&rules); err != nil {
			reply(w, err)
			return
		}
		t.mu.Lock()
		t.filters = map[string][]tailcfg.FilterRule{"base": rules}
		t.mu.Unlock()
		t.push(0, &tailcfg.MapResponse{PacketFilters: map[string][]tailcfg.FilterRule{"*": nil, "base": rules}})
	})
	mux.HandleFunc("POST /fake", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		t.mu.Lock()
		more := invent(len(t.fakes), n)
		t.fakes = append(t.fakes, more...)
		t.mu.Unlock()
		t.push(0, &tailcfg.MapResponse{PeersChanged: more})
	})
	t.perNode(mux, "POST /node/{id}/send", func(n *tailcfg.Node, body *json.Decoder) error {
		var msg tailcfg.MapResponse
		if err := body.Decode(&msg); err != nil {
			return err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.streams[n.ID] == nil {
			return fmt.Errorf("node %d has no stream", n.ID)
		}
		t.sendLocked(n.ID, t.streams[n.ID], &msg)
		return nil
	})
	mux.HandleFunc("POST /node/{id}/raw", t.sendRaw)
	t.perNode(mux, "POST /node/{id}/expire", func(n *tailcfg.Node, _ *json.Decoder) error {
		n.KeyExpiry = time.Now().Add(-time.Minute).UTC()
		t.srv.UpdateNode(n)
		t.push(n.ID, &tailcfg.MapResponse{PeersChangedPatch: []*tailcfg.PeerChange{{NodeID: n.ID, KeyExpiry: &n.KeyExpiry}}})
		t.mu.Lock()
		defer t.mu.Unlock()
		t.expired[n.Key] = true
		t.tellLocked(n)
		return nil
	})
	t.perNode(mux, "POST /node/{id}/approve", func(n *tailcfg.Node, _ *json.Decoder) error {
		base := t.srv.BaseURL()
		if !t.srv.CompleteDeviceApproval(base, base+"/admin", &n.Key) {
			return fmt.Errorf("node %d cannot be approved", n.ID)
		}
		n.MachineAuthorized = true
		t.mu.Lock()
		defer t.mu.Unlock()
		t.tellLocked(n)
		return nil
	})
	t.perNode(mux, "POST /node/{id}/tags", func(n *tailcfg.Node, body *json.Decoder) error {
		if err := body.Decode(&n.Tags); err != nil {
			return err
		}
		t.srv.UpdateNode(n)
		t.push(n.ID, &tailcfg.MapResponse{PeersChanged: []*tailcfg.Node{n}})
		return nil
	})
	t.perNode(mux, "DELETE /node/{id}", func(n *tailcfg.Node, _ *json.Decoder) error {
		t.push(n.ID, &tailcfg.MapResponse{PeersRemoved: []tailcfg.NodeID{n.ID}})
		t.mu.Lock()
		defer t.mu.Unlock()
		t.removed[n.Key] = true
		if queue := t.streams[n.ID]; queue != nil {
			close(queue)
			delete(t.streams, n.ID)
		}
		return nil
	})
	return mux
}

// tellLocked sends a node what control knows of it.
func (t *tailnet) tellLocked(n *tailcfg.Node) {
	if queue := t.streams[n.ID]; queue != nil {
		t.sendLocked(n.ID, queue, &tailcfg.MapResponse{Node: n})
	}
}

func (t *tailnet) perNode(mux *http.ServeMux, pattern string, do func(*tailcfg.Node, *json.Decoder) error) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if n := t.node(r); n != nil {
			reply(w, do(n, json.NewDecoder(r.Body)))
			return
		}
		http.NotFound(w, r)
	})
}

// node finds the node that a request's path names.
func (t *tailnet) node(r *http.Request) *tailcfg.Node {
	for _, n := range t.nodes() {
		if fmt.Sprint(int64(n.ID)) == r.PathValue("id") { // String() says "nodeid:1"
			return n
		}
	}
	return nil
}

func reply(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}
