-- v2: Remember the verifications under way, so that a restart cancels them
CREATE TABLE e2ee_verification (id TEXT, user_id TEXT, ours TEXT NOT NULL, device_id TEXT NOT NULL, room_id TEXT NOT NULL, PRIMARY KEY (id, user_id));
