-- +goose Up

-- When the present password was set, until when it proves anything (NULL is for
-- ever), and whether the user set it; administrators set the others.
ALTER TABLE users ADD COLUMN password_created_at TIMESTAMPTZ;
ALTER TABLE users ADD COLUMN password_expires_at TIMESTAMPTZ;
ALTER TABLE users ADD COLUMN password_self_service BOOLEAN NOT NULL DEFAULT FALSE;

-- The day when the user last proved who it is with a password; NULL is not since
-- it was made.
ALTER TABLE users ADD COLUMN last_active_at TIMESTAMPTZ;
