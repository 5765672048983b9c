-- +goose Up

-- Whose ports have addresses of a subnet, by the owners of their devices; an
-- empty list is any.
ALTER TABLE subnets ADD COLUMN service_types TEXT NOT NULL DEFAULT '[]';

-- How a port came by its addresses: at once, or "none" when it was made without.
ALTER TABLE ports ADD COLUMN ip_allocation TEXT NOT NULL DEFAULT 'immediate';
