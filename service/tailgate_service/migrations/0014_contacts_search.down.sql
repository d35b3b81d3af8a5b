-- outside a transaction
DROP INDEX CONCURRENTLY IF EXISTS contacts_search;
