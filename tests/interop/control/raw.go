// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"unsafe"

	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
)

var errEnd = errors.New("the stream was to end here")

// outgoing is the next thing on a map stream: a message, or bytes as they are, after which the stream may end.
type outgoing struct {
	msg *tailcfg.MapResponse
	raw []byte
	end bool
}

func (o outgoing) write(w testcontrol.MapStreamWriter) error {
	if o.msg != nil {
		return w.SendMapMessage(o.msg)
	}
	body := httpWriter(w)
	if _, err := body.Write(o.raw); err != nil {
		return err
	}
	body.(http.Flusher).Flush()
	if o.end {
		return errEnd
	}
	return nil
}

// httpWriter takes the response out of testcontrol's stream, which itself offers nothing but whole messages.
func httpWriter(w testcontrol.MapStreamWriter) http.ResponseWriter {
	field := reflect.ValueOf(w).Elem().FieldByName("w")
	return *(*http.ResponseWriter)(unsafe.Pointer(field.UnsafeAddr()))
}

// sendRaw puts a request's body on a node's map stream without framing it; ?end=1 ends the stream after it.
func (t *tailnet) sendRaw(w http.ResponseWriter, r *http.Request) {
	n := t.node(r)
	raw, err := io.ReadAll(r.Body)
	if n == nil || err != nil {
		http.NotFound(w, r)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	queue := t.streams[n.ID]
	if queue == nil {
		reply(w, fmt.Errorf("node %d has no stream", n.ID))
		return
	}
	t.queueLocked(n.ID, queue, outgoing{raw: raw, end: r.FormValue("end") != ""})
}
