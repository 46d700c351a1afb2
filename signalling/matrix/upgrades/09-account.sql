-- v9: Keep the login of an ordinary account, and up to where it has heard
CREATE TABLE account (user_id TEXT PRIMARY KEY, device_id TEXT NOT NULL, token TEXT NOT NULL, refresh TEXT NOT NULL, expires BIGINT NOT NULL, origin TEXT NOT NULL);
CREATE TABLE account_since (user_id TEXT PRIMARY KEY, device_id TEXT NOT NULL, since TEXT NOT NULL);
