-- v1: What each user has talked on each day of UTC
CREATE TABLE permit_usage (day TEXT NOT NULL, user_id TEXT NOT NULL, used_ms BIGINT NOT NULL, PRIMARY KEY (day, user_id));
