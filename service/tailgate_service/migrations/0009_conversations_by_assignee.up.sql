-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS conversations_by_assignee;
CREATE INDEX CONCURRENTLY conversations_by_assignee ON conversations (workspace_id, assigned_to, last_message_at DESC, id DESC);
