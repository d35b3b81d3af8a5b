-- outside a transaction
DROP INDEX CONCURRENTLY IF EXISTS calls_recent;
