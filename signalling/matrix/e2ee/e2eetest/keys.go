package e2eetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// serve answers one request (Matrix 1.18, "End-to-end encryption").
func (s *Server) serve(w http.ResponseWriter, user id.UserID, device id.DeviceID, method, path string, body []byte) {
	var in map[string]any
	_ = json.Unmarshal(body, &in)
	switch kind, rest, _ := strings.Cut(path, "/"); {
	case method == http.MethodPut && kind == "devices":
		s.putDevice(user, id.DeviceID(rest))
		s.named(user, id.DeviceID(rest), in["display_name"])
		reply(w, http.StatusCreated, map[string]any{})
	case method == http.MethodGet && path == "devices":
		reply(w, http.StatusOK, map[string]any{"devices": s.list(user)})
	case path == "delete_devices":
		for _, device := range in["devices"].([]any) {
			s.SignOut(user.String(), fmt.Sprint(device))
		}
		reply(w, http.StatusOK, map[string]any{})
	case path == "keys/upload":
		s.upload(w, user, device, in)
	case path == "keys/query":
		reply(w, http.StatusOK, s.query(in))
	case path == "keys/claim":
		reply(w, http.StatusOK, map[string]any{"failures": map[string]any{}, "one_time_keys": s.claim(in)})
	case path == "keys/device_signing/upload":
		if s.admits(w, user, in) {
			s.signing(user, in)
			reply(w, http.StatusOK, map[string]any{})
		}
	case s.accountData(w, user, method, path, body):
	case path == "keys/signatures/upload":
		s.signatures(in)
		reply(w, http.StatusOK, map[string]any{})
	case method == http.MethodPut && kind == "sendToDevice":
		kind, _, _ := strings.Cut(rest, "/")
		s.send(user, kind, body)
		reply(w, http.StatusOK, map[string]any{})
	default:
		reply(w, http.StatusNotFound, map[string]any{"errcode": "M_UNRECOGNIZED", "error": path})
	}
}

func (s *Server) putDevice(user id.UserID, device id.DeviceID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.devices[user] == nil {
		s.devices[user] = map[id.DeviceID]*listed{}
	}
	if s.devices[user][device] == nil {
		s.devices[user][device] = &listed{oneTime: map[string]any{}, fallback: map[string]any{}}
	}
}

func (s *Server) named(user id.UserID, device id.DeviceID, name any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[user][device].name, _ = name.(string)
}

func (s *Server) list(user id.UserID) (all []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for device, d := range s.devices[user] {
		all = append(all, map[string]any{"device_id": device, "display_name": d.name})
	}
	return all
}

// upload refuses, as homeservers do, another key under the same name.
func (s *Server) upload(w http.ResponseWriter, user id.UserID, device id.DeviceID, in map[string]any) {
	s.mu.Lock()
	d := s.devices[user][device]
	if d == nil {
		s.mu.Unlock()
		wrong(w, "M_UNKNOWN_DEVICE", "there is no such device")
		return
	}
	keys, isNew := in["device_keys"].(map[string]any)
	if isNew {
		d.keys = keys
	}
	for name, key := range merged(nil, in["one_time_keys"]) {
		if old, ok := d.oneTime[name]; ok && !reflect.DeepEqual(old, key) {
			s.mu.Unlock()
			wrong(w, "M_INVALID_PARAM", "one-time key exists already: "+name)
			return
		}
		d.oneTime[name] = key
	}
	if fallback := merged(nil, in["fallback_keys"]); len(fallback) > 0 {
		d.fallback, d.used = fallback, false
	}
	left := len(d.oneTime)
	s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"one_time_key_counts": map[string]any{"signed_curve25519": left}})
	if isNew {
		s.changed(user.String())
	}
}

func (s *Server) query(in map[string]any) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	devices := map[string]any{}
	out := map[string]any{"device_keys": devices, "failures": map[string]any{}}
	for user := range merged(nil, in["device_keys"]) {
		list := map[string]any{}
		for device, d := range s.devices[id.UserID(user)] {
			if d.keys != nil {
				list[device.String()] = d.keys
			}
		}
		devices[user] = list
		for kind, key := range s.masters[id.UserID(user)] {
			all := merged(out[kind], nil)
			all[user] = key
			out[kind] = all
		}
	}
	// What is changed later must not change what is being written now.
	text, _ := json.Marshal(out)
	var copied map[string]any
	_ = json.Unmarshal(text, &copied)
	return copied
}

func (s *Server) claim(in map[string]any) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]any{}
	for user, devices := range merged(nil, in["one_time_keys"]) {
		claimed := map[string]any{}
		for device := range merged(nil, devices) {
			if name, key, ok := s.devices[id.UserID(user)][id.DeviceID(device)].take(); ok {
				claimed[device] = map[string]any{name: key}
			}
		}
		out[user] = claimed
	}
	return out
}

func (d *listed) take() (name string, key any, ok bool) {
	if d == nil {
		return "", nil, false
	}
	for _, name := range slices.Sorted(maps.Keys(d.oneTime)) {
		key = d.oneTime[name]
		delete(d.oneTime, name)
		return name, key, true
	}
	for name, key := range d.fallback {
		d.used = true
		return name, key, true
	}
	return "", nil, false
}

func (s *Server) signing(user id.UserID, in map[string]any) {
	s.mu.Lock()
	keys := map[string]map[string]any{}
	for _, kind := range []string{"master_key", "self_signing_key", "user_signing_key"} {
		if key, ok := in[kind].(map[string]any); ok {
			keys[kind+"s"] = key
		}
	}
	s.masters[user] = keys
	s.mu.Unlock()
	s.changed(user.String())
}

// signatures adds signatures to devices and master keys.
func (s *Server) signatures(in map[string]any) {
	var users []string
	s.mu.Lock()
	for user, objects := range in {
		users = append(users, user)
		for name, object := range merged(nil, objects) {
			target := s.masters[id.UserID(user)]["master_keys"]
			if d := s.devices[id.UserID(user)][id.DeviceID(name)]; d != nil {
				target = d.keys
			}
			all := merged(target["signatures"], nil)
			for signer, signatures := range merged(nil, merged(nil, object)["signatures"]) {
				all[signer] = merged(all[signer], signatures)
			}
			if target != nil {
				target["signatures"] = all
			}
		}
	}
	s.mu.Unlock()
	s.changed(users...)
}

// send passes to-device messages on.
func (s *Server) send(from id.UserID, kind string, body []byte) {
	var in struct {
		Messages map[id.UserID]map[id.DeviceID]json.RawMessage `json:"messages"`
	}
	_ = json.Unmarshal(body, &in)
	for user, devices := range in.Messages {
		for device, content := range devices {
			s.Send(from.String(), user.String(), device.String(), kind, content)
		}
	}
}

// Send is a to-device message as if its sender had sent it.
func (s *Server) Send(from, user, device, kind string, content json.RawMessage) {
	e := &event.Event{Sender: id.UserID(from), Type: event.Type{Type: kind, Class: event.ToDeviceEventType},
		ToUserID: id.UserID(user), ToDeviceID: id.DeviceID(device), Content: event.Content{VeryRaw: content}}
	s.mu.Lock()
	peer := s.peers[e.ToUserID][e.ToDeviceID]
	s.mu.Unlock()
	switch {
	case peer != nil:
		peer.take(e)
	case s.Deliver != nil:
		s.Deliver(user, device, e)
	}
}

// Tamper changes the keys of a device behind its back.
func (s *Server) Tamper(user, device string, f func(keys map[string]any)) {
	s.mu.Lock()
	d := s.devices[id.UserID(user)][id.DeviceID(device)]
	if d == nil || d.keys == nil {
		s.mu.Unlock()
		s.t.Fatalf("%s of %s has no keys", device, user)
	}
	f(d.keys)
	s.mu.Unlock()
	s.changed(user)
}
