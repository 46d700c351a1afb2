-- v1: First step
CREATE TABLE sample (id TEXT PRIMARY KEY, about TEXT NOT NULL);
INSERT INTO sample (id, about) VALUES ('a', 'first step');
