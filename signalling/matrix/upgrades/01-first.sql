-- v1: What was kept when there was no version yet
CREATE TABLE IF NOT EXISTS seen_invite (event_id TEXT PRIMARY KEY, at BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS seen_invite_at ON seen_invite (at);
CREATE TABLE IF NOT EXISTS open_call (room_id TEXT, call_id TEXT, ghost TEXT NOT NULL, party_id TEXT NOT NULL,
	version0 BOOLEAN NOT NULL, role TEXT NOT NULL, PRIMARY KEY (room_id, call_id));
CREATE TABLE IF NOT EXISTS ghost_room (room_id TEXT PRIMARY KEY, ghost TEXT NOT NULL, user_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ghost_room_pair ON ghost_room (ghost, user_id);
CREATE TABLE IF NOT EXISTS ghost_name (ghost TEXT PRIMARY KEY, name TEXT NOT NULL);
