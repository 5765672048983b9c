-- Rows for each table that came after schema 8.
INSERT INTO secrets (name, value, updated_at) VALUES ('token keys', '["k1", "k0"]', '2026-01-02 03:04:05+00:00');
