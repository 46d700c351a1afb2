package port

import (
	"errors"
	"net"
	"syscall"
)

// rested is a pair that no call has any more: bare sockets, which keep others
// from their ports and tell whether they are still spoken to. What the runtime
// holds for a connection that may be waited for is six times as much.
type rested struct {
	index   int // in the range
	sockets [2]int
}

// lost is a socket that could not be kept.
const lost = -1

// rest takes the sockets out of their connections, which close.
func (p *pair) rest() (rested, error) {
	rtp, err1 := bare(p.rtp)
	rtcp, err2 := bare(p.rtcp)
	return rested{p.index, [2]int{rtp, rtcp}}, errors.Join(err1, err2)
}

// bare is the connection's socket, with a queue as short as can be: nobody
// reads what comes.
func bare(conn *net.UDPConn) (int, error) {
	defer conn.Close() // what is left is the duplicate
	raw, err := conn.SyscallConn()
	if err != nil {
		return lost, err
	}
	socket := lost
	if failed := raw.Control(func(fd uintptr) { socket, err = duplicate(int(fd)) }); failed != nil || err != nil {
		return lost, errors.Join(failed, err)
	}
	return socket, syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1)
}

func duplicate(fd int) (int, error) {
	syscall.ForkLock.RLock() // no child is to have it
	defer syscall.ForkLock.RUnlock()
	socket, err := syscall.Dup(fd)
	if err != nil {
		return lost, err
	}
	syscall.CloseOnExec(socket)
	return socket, nil
}

// drain throws away what both sockets hold and reports whether it was anything.
// Of a socket that was lost nobody knows, so it counts as spoken to.
func (r *rested) drain(buf []byte) bool {
	heard := false
	for _, socket := range r.sockets {
		if socket == lost {
			heard = true
			continue
		}
		for range 256 {
			if _, _, err := syscall.Recvfrom(socket, buf, syscall.MSG_DONTWAIT); err != nil {
				break
			}
			heard = true
		}
	}
	return heard
}

func (r *rested) close() error {
	var failed error
	for i, socket := range r.sockets {
		if socket != lost {
			failed = errors.Join(failed, syscall.Close(socket))
		}
		r.sockets[i] = lost
	}
	return failed
}
