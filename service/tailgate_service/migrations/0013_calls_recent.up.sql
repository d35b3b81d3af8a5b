-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS calls_recent;
CREATE INDEX CONCURRENTLY calls_recent ON calls (workspace_id, started_at DESC, id DESC);
