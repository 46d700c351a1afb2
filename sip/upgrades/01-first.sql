-- v1: Answered dialogs
CREATE TABLE sip_dialog (id TEXT PRIMARY KEY, at BIGINT NOT NULL, entry TEXT NOT NULL);
