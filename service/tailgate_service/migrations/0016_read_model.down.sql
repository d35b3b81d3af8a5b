-- outside a transaction
DROP TRIGGER IF EXISTS stale_documents ON workspaces;
DROP TRIGGER IF EXISTS stale_documents ON users;
DROP TRIGGER IF EXISTS stale_documents ON tags;
DROP TRIGGER IF EXISTS stale_documents ON conversation_tags;
DROP TRIGGER IF EXISTS stale_documents ON messages;
DROP TRIGGER IF EXISTS stale_documents ON conversations;
DROP TRIGGER IF EXISTS stale_documents ON notes;
DROP TRIGGER IF EXISTS stale_documents ON contacts;
DROP FUNCTION IF EXISTS stale_by_workspace, stale_by_user, stale_by_tag, stale_by_link, stale_by_message, stale_by_conversation,
    stale_by_note, stale_by_contact, stale_items, stale_cards;
DROP PROCEDURE IF EXISTS fill_documents;
DROP FUNCTION IF EXISTS document_workspaces;
DROP TABLE IF EXISTS stale_documents;
DROP FUNCTION IF EXISTS refresh_documents, tell_document, document_of;
DROP TABLE IF EXISTS documents;
DROP POLICY IF EXISTS own ON event_counters;
REVOKE SELECT ON event_counters FROM tailgate_api;
ALTER TABLE event_counters DROP COLUMN IF EXISTS documents;
