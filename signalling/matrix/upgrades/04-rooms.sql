-- v4: Remember the pictures of telephones, and who was asked into a room
ALTER TABLE ghost_name ADD COLUMN avatar TEXT NOT NULL DEFAULT '';
CREATE TABLE asked (room_id TEXT, user_id TEXT, at BIGINT NOT NULL, PRIMARY KEY (room_id, user_id));
