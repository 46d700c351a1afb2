-- v6: Remember which rooms are encrypted
CREATE TABLE encrypted_room (room_id TEXT PRIMARY KEY);
