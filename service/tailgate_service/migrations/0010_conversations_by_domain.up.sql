-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS conversations_by_domain;
CREATE INDEX CONCURRENTLY conversations_by_domain ON conversations (workspace_id, domain, last_message_at DESC, id DESC);
-- All that a volume by day and domain reads, so that it reads no row of the table. Below a policy a day, which is computed,
-- cannot be looked up.
DROP INDEX CONCURRENTLY IF EXISTS conversations_by_day;
CREATE INDEX CONCURRENTLY conversations_by_day ON conversations (workspace_id, created_at, domain) INCLUDE (status);
