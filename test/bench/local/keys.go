package local

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
)

// object is anything in JSON that is passed on as it came.
type object = map[string]any

// Deliver takes a message to a device.
type Deliver = func(user, device string, message object)

// Keys is what a homeserver keeps for encryption: the devices of users, their
// keys, and who has signed them. Who asks is told by user_id and device_id,
// for everybody is an application service's.
type Keys struct {
	mu      sync.Mutex
	deliver Deliver
	devices map[string]map[string]object // by user and device
	signing map[string]map[string]object // master_key, self_signing_key and user_signing_key, by user
	spare   map[string][]named           // one-time keys, by user and device
}

type named struct {
	name string
	key  any
}

// newKeys takes over the part of the client-server API that is about keys.
func newKeys(mux *http.ServeMux) *Keys {
	k := &Keys{devices: map[string]map[string]object{}, signing: map[string]map[string]object{}, spare: map[string][]named{}}
	const v3 = "/_matrix/client/v3/"
	for pattern, f := range map[string]func(user, device string, r *http.Request, body object) any{
		"POST " + v3 + "keys/upload":                k.upload,
		"POST " + v3 + "keys/query":                 k.query,
		"POST " + v3 + "keys/claim":                 k.claim,
		"POST " + v3 + "keys/device_signing/upload": k.own,
		"POST " + v3 + "keys/signatures/upload":     k.sign,
		"PUT " + v3 + "sendToDevice/{type}/{txn}":   k.send,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			var body object
			_ = json.NewDecoder(r.Body).Decode(&body) // of our own programs
			q := r.URL.Query()
			_ = json.NewEncoder(w).Encode(f(q.Get("user_id"), cmp.Or(q.Get("device_id"), q.Get("org.matrix.msc3202.device_id")), r, body))
		})
	}
	return k
}

// SetDeliver says where messages to devices go from now on.
func (k *Keys) SetDeliver(f Deliver) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.deliver = f
}

// Devices is how many devices of a user have keys.
func (k *Keys) Devices(user string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.devices[user])
}

// Left is how many one-time keys a device has there.
func (k *Keys) Left(user, device string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.spare[user+"/"+device])
}

func (k *Keys) upload(user, device string, _ *http.Request, body object) any {
	k.mu.Lock()
	defer k.mu.Unlock()
	if keys, ok := body["device_keys"].(object); ok {
		if k.devices[user] == nil {
			k.devices[user] = map[string]object{}
		}
		k.devices[user][device] = keys
	}
	spare, _ := body["one_time_keys"].(object)
	for name, key := range spare {
		k.spare[user+"/"+device] = append(k.spare[user+"/"+device], named{name, key})
	}
	return object{"one_time_key_counts": object{"signed_curve25519": len(k.spare[user+"/"+device])}}
}

func (k *Keys) query(_, _ string, _ *http.Request, body object) any {
	k.mu.Lock()
	defer k.mu.Unlock()
	devices, asked := object{}, body["device_keys"].(object)
	res := object{"device_keys": devices}
	for user := range asked {
		devices[user] = maps.Clone(k.devices[user])
		for kind, key := range k.signing[user] {
			if res[kind+"s"] == nil {
				res[kind+"s"] = object{}
			}
			res[kind+"s"].(object)[user] = key
		}
	}
	return res
}

func (k *Keys) claim(_, _ string, _ *http.Request, body object) any {
	k.mu.Lock()
	defer k.mu.Unlock()
	given := object{}
	for user, devices := range body["one_time_keys"].(object) {
		of := object{}
		for device := range devices.(object) {
			if spare := k.spare[user+"/"+device]; len(spare) > 0 {
				of[device], k.spare[user+"/"+device] = object{spare[0].name: spare[0].key}, spare[1:]
			}
		}
		given[user] = of
	}
	return object{"one_time_keys": given}
}

func (k *Keys) own(user, _ string, _ *http.Request, body object) any {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signing[user] = map[string]object{}
	for _, kind := range []string{"master_key", "self_signing_key", "user_signing_key"} {
		if key, ok := body[kind].(object); ok {
			k.signing[user][kind] = key
		}
	}
	return object{}
}

// sign adds signatures to devices; those of master keys are taken and forgotten.
func (k *Keys) sign(_, _ string, _ *http.Request, body object) any {
	k.mu.Lock()
	defer k.mu.Unlock()
	for user, signed := range body {
		for device, keys := range signed.(object) {
			if have := k.devices[user][device]; have != nil {
				k.devices[user][device] = merged(have, keys.(object))
			}
		}
	}
	return object{}
}

// merged is a device with the signatures of another copy of it besides its own.
func merged(device, signed object) object {
	all, by := maps.Clone(device), object{}
	for _, from := range []object{device, signed} {
		signatures, _ := from["signatures"].(object)
		for user, list := range signatures {
			if by[user] == nil {
				by[user] = object{}
			}
			maps.Copy(by[user].(object), list.(object))
		}
	}
	all["signatures"] = by
	return all
}

func (k *Keys) send(user, _ string, r *http.Request, body object) any {
	k.mu.Lock()
	deliver := k.deliver
	k.mu.Unlock()
	for to, devices := range body["messages"].(object) {
		for device, content := range devices.(object) {
			deliver(to, device, object{"type": r.PathValue("type"), "sender": user, "content": content, "to_user_id": to, "to_device_id": device})
		}
	}
	return object{}
}
