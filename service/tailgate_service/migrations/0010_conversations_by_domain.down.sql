-- outside a transaction
DROP INDEX CONCURRENTLY IF EXISTS conversations_by_day;
DROP INDEX CONCURRENTLY IF EXISTS conversations_by_domain;
