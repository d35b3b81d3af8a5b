-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS contacts_search;
CREATE INDEX CONCURRENTLY contacts_search ON contacts USING gin (to_tsvector('simple', name || ' ' || phone_digits));
