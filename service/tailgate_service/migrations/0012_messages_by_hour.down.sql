-- outside a transaction
DROP INDEX CONCURRENTLY IF EXISTS messages_by_hour;
