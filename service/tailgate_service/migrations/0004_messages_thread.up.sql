-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS messages_thread;
CREATE INDEX CONCURRENTLY messages_thread ON messages (conversation_id, created_at DESC, id DESC);
