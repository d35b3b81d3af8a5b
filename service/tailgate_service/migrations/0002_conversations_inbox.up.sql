-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS conversations_inbox;
CREATE INDEX CONCURRENTLY conversations_inbox ON conversations (workspace_id, last_message_at DESC, id DESC);
