-- outside a transaction
DROP FUNCTION IF EXISTS conversations_found(uuid, text);
DROP FUNCTION IF EXISTS contacts_found(uuid, text);
DROP INDEX CONCURRENTLY IF EXISTS contacts_recent;
DROP INDEX CONCURRENTLY IF EXISTS conversations_search;
DROP INDEX CONCURRENTLY IF EXISTS contacts_search;
DROP FUNCTION IF EXISTS searched(uuid, text);
DROP FUNCTION IF EXISTS searchable(uuid, text);
DROP FUNCTION IF EXISTS words(text);
