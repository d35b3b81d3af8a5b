-- outside a transaction
DROP INDEX CONCURRENTLY IF EXISTS conversations_of_contact;
