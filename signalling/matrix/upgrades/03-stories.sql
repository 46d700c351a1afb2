-- v3: Remember notices that have to be finished
CREATE TABLE open_story (id TEXT PRIMARY KEY, room_id TEXT NOT NULL, ghost TEXT NOT NULL, event_id TEXT NOT NULL,
	text TEXT NOT NULL, badge TEXT NOT NULL);
