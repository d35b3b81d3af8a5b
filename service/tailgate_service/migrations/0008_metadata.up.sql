-- outside a transaction
-- What the service asks of metadata, asked of every writer.
CREATE OR REPLACE FUNCTION is_metadata(metadata jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(metadata) = 'object' THEN octet_length(metadata::text) <= 8192 AND NOT EXISTS (
        SELECT FROM jsonb_each(metadata) one
        WHERE one.key !~ '^[a-z][a-z0-9_]{0,39}$' OR jsonb_typeof(one.value) IN ('object', 'array')
    ) ELSE false END;
ALTER TABLE conversations DROP CONSTRAINT IF EXISTS conversations_metadata_check;
ALTER TABLE conversations ADD CONSTRAINT conversations_metadata_check CHECK (is_metadata(metadata)) NOT VALID;
ALTER TABLE conversations VALIDATE CONSTRAINT conversations_metadata_check;
ALTER TABLE messages DROP CONSTRAINT IF EXISTS messages_metadata_check;
ALTER TABLE messages ADD CONSTRAINT messages_metadata_check CHECK (is_metadata(metadata)) NOT VALID;
ALTER TABLE messages VALIDATE CONSTRAINT messages_metadata_check;
