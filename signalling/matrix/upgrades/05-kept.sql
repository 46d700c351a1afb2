-- v5: Keep the events that begin and end calls until they are taken up
CREATE TABLE kept_event (event_id TEXT PRIMARY KEY, at BIGINT NOT NULL, event TEXT NOT NULL);
