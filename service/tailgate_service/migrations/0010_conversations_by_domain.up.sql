-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS conversations_by_domain;
CREATE INDEX CONCURRENTLY conversations_by_domain ON conversations (workspace_id, created_at, domain);
