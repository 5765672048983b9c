-- +goose Up

-- Whether answers to what a security group allows are allowed by that.
ALTER TABLE security_groups ADD COLUMN stateful BOOLEAN NOT NULL DEFAULT TRUE;
