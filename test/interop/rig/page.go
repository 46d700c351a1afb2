package rig

import (
	"fmt"
	"net"
	"net/http"
)

// servePage serves the bundled page of test/interop/browser until Close.
func (b *Bed) servePage(addr, folder string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("serve the browsers' page: %w", err)
	}
	b.Page = "http://" + addr + "/"
	b.page = &http.Server{Handler: http.FileServer(http.Dir(folder))}
	go b.page.Serve(l) // ends with page.Close
	return nil
}
