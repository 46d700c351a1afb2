-- v7: Keep messages to our devices until what is in them is safe
CREATE TABLE kept_to_device (id TEXT PRIMARY KEY, at BIGINT NOT NULL, place BIGINT NOT NULL, message TEXT NOT NULL);
CREATE INDEX kept_to_device_at ON kept_to_device (at, place);
