-- v1: Keep our devices, with whom keys were shared, and whose keys were confirmed
CREATE TABLE e2ee_device (user_id TEXT PRIMARY KEY, device_id TEXT NOT NULL, stage INTEGER NOT NULL);
CREATE TABLE e2ee_share (user_id TEXT, room_id TEXT, session_id TEXT NOT NULL, devices TEXT NOT NULL, PRIMARY KEY (user_id, room_id));
CREATE TABLE e2ee_confirmed (user_id TEXT, master_key TEXT, at BIGINT NOT NULL, PRIMARY KEY (user_id, master_key));
CREATE TABLE e2ee_pickle (name TEXT PRIMARY KEY, value TEXT NOT NULL);
