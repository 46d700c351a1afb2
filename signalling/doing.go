package signalling

// told is why a leg is hung up. A room hears whose words it is shown.
func (c *call) told(a Action) Reason {
	from := c.parts[c.By].via
	if a.Reason.Detail != "" && c.cause == HungUp && from != Matrix && c.parts[a.Side].via == Matrix {
		a.Reason.Detail = "trunk " + from + ": " + a.Reason.Detail
	}
	return a.Reason
}

// do has one effect of a step.
func (c *call) do(a Action) {
	switch a.Do {
	case DoDial:
		c.dial(a.Side)
	case DoRing:
		c.legs[a.Side].Ring()
	case DoProgress:
		c.progress(a)
	case DoAnswer:
		c.answer(a.Side)
	case DoDigit:
		c.legs[a.Side].SendDigit(a.Digit)
	case DoShow:
		c.legs[a.Side].Show(c.view(c.other(a.Side)))
	case DoHangup:
		c.legs[a.Side].Hangup(c.told(a))
	case DoReport:
		c.report(c.record())
	case DoRoute:
		c.reroute(a.To)
	case DoTransfer:
		c.legs[a.Side].Transfer(a.To)
	case DoTransferred:
		if a.Reason.Cause != NormalClearing {
			c.inbox.Note("gateway", true, "transfer: "+a.Reason.Cause.String())
		}
		c.legs[a.Side].Transferred(a.Reason)
	default:
		c.post(a)
	}
}

// view is what the other side may know of one.
func (c *call) view(s Side) View {
	return View{Party: c.who[s], Held: c.slots[s].held, Muted: c.slots[s].muted}
}
