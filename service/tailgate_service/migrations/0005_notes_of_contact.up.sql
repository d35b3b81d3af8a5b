-- outside a transaction
-- A build that was killed leaves an invalid index: it is dropped and built again.
DROP INDEX CONCURRENTLY IF EXISTS notes_of_contact;
CREATE INDEX CONCURRENTLY notes_of_contact ON notes (contact_id, created_at DESC);
