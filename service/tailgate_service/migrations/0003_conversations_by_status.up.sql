-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS conversations_by_status;
CREATE INDEX CONCURRENTLY conversations_by_status ON conversations (workspace_id, status, last_message_at DESC, id DESC);
