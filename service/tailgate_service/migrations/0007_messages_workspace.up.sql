-- outside a transaction
-- Messages of before get the workspace of their conversation, some at a time, and then each must have one. The order
-- keeps locks short: the constraint is checked while others write, and NOT NULL believes it.
DO $$
DECLARE
    last uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    LOOP
        WITH part AS MATERIALIZED (
            SELECT id FROM messages WHERE id > last AND workspace_id IS NULL ORDER BY id LIMIT 1000
        ), filled AS (
            UPDATE messages m SET workspace_id = c.workspace_id
            FROM part, conversations c WHERE m.id = part.id AND c.id = m.conversation_id
        )
        SELECT id FROM part ORDER BY id DESC LIMIT 1 INTO last;
        EXIT WHEN last IS NULL;
        COMMIT;
    END LOOP;
END $$;
ALTER TABLE messages DROP CONSTRAINT IF EXISTS messages_workspace_id_given;
ALTER TABLE messages ADD CONSTRAINT messages_workspace_id_given CHECK (workspace_id IS NOT NULL) NOT VALID;
ALTER TABLE messages VALIDATE CONSTRAINT messages_workspace_id_given;
ALTER TABLE messages ALTER COLUMN workspace_id SET NOT NULL;
ALTER TABLE messages DROP CONSTRAINT messages_workspace_id_given;
ALTER POLICY reading ON messages USING (workspace_id = (SELECT seen_workspace()));
