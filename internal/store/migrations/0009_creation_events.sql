-- +goose Up

-- What a host has told of a server's creation and is written as events, by
-- name: a report that comes again is known by it without a further query.
ALTER TABLE servers ADD COLUMN steps TEXT NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE servers DROP COLUMN steps;
