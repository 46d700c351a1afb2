package matrix

import "maunium.net/go/mautrix/event"

// This file holds how what people read is written as an event.

// message is the text as an event. No push rule counts an m.notice, and none an
// edit (Matrix 1.18, "Predefined rules").
func (t telling) message() storyOut {
	switch t.badge {
	case "":
		return storyOut{MsgType: string(event.MsgNotice), Body: t.text}
	case anybody:
		return storyOut{MsgType: string(event.MsgText), Body: t.text}
	}
	return storyOut{MsgType: string(event.MsgText), Body: t.text, Mentions: mentions{[]string{t.badge}}}
}

// storyOut is a message that may replace another.
type storyOut struct {
	MsgType  string    `json:"msgtype"`
	Body     string    `json:"body"`
	Mentions mentions  `json:"m.mentions"` // empty: a name within the text notifies nobody
	New      *storyOut `json:"m.new_content,omitempty"`
	Relates  *relation `json:"m.relates_to,omitempty"`
}

type mentions struct {
	Users []string `json:"user_ids,omitempty"`
}

type relation struct {
	Type    string   `json:"rel_type,omitempty"`
	Event   string   `json:"event_id,omitempty"`
	ReplyTo *replyTo `json:"m.in_reply_to,omitempty"`
}

type replyTo struct {
	Event string `json:"event_id"`
}
