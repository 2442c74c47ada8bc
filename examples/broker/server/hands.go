package server

// hands are goroutines with deep stacks that wait to be used again. A connection's
// own goroutine has a small stack as long as it does little but wait: to connect and
// to leave is done by a hand. So an idle connection costs kilobytes less, and no
// connection the copies of a stack that grows.
type hands chan *hand

const maxHands = 16 // that wait

type hand struct {
	work chan func()
	done chan struct{}
}

// do has a hand do something, and waits for it.
func (all hands) do(something func()) {
	var h *hand
	select {
	case h = <-all:
	default:
		h = &hand{make(chan func()), make(chan struct{})}
		go h.serve()
	}
	h.work <- something
	<-h.done
	select {
	case all <- h:
	default:
		close(h.work)
	}
}

func (h *hand) serve() {
	for something := range h.work {
		something()
		h.done <- struct{}{}
	}
}

// dismiss ends the hands that wait.
func (all hands) dismiss() {
	for {
		select {
		case h := <-all:
			close(h.work)
		default:
			return
		}
	}
}
