-- v2: Remember events of every kind, and since when a room is a telephone's
ALTER TABLE seen_invite RENAME TO seen_event;
ALTER TABLE ghost_room ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
-- only: sqlite
UPDATE ghost_room SET since = rowid;
