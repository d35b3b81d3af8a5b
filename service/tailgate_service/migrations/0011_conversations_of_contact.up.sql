-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS conversations_of_contact;
CREATE INDEX CONCURRENTLY conversations_of_contact ON conversations (contact_id, last_message_at DESC, id DESC);
