-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS messages_by_hour;
CREATE INDEX CONCURRENTLY messages_by_hour ON messages (workspace_id, created_at) INCLUDE (direction);
