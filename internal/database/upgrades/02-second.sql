-- v2: Second step
ALTER TABLE sample ADD COLUMN at BIGINT NOT NULL DEFAULT 0;
UPDATE sample SET about = 'second step' WHERE id = 'a';
