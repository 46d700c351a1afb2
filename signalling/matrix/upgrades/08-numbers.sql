-- v8: Remember whom rooms call, and as whom an ordinary account appears in them
CREATE TABLE room_number (room_id TEXT PRIMARY KEY, number TEXT NOT NULL, successor TEXT NOT NULL DEFAULT '');
CREATE TABLE room_nick (room_id TEXT PRIMARY KEY, name TEXT NOT NULL);
