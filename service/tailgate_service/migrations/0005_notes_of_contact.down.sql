-- outside a transaction
DROP INDEX CONCURRENTLY IF EXISTS notes_of_contact;
