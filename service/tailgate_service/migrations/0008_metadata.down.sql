-- outside a transaction
ALTER TABLE messages DROP CONSTRAINT IF EXISTS messages_metadata_check;
ALTER TABLE conversations DROP CONSTRAINT IF EXISTS conversations_metadata_check;
DROP FUNCTION IF EXISTS is_metadata(jsonb);
