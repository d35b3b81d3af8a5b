-- outside a transaction
-- Policies that are asked once for each statement: the planner computes a query without references to the row ahead of
-- all rows. And writing is guarded like reading. Each policy changes at one moment: there is none without one.
CREATE OR REPLACE FUNCTION seen_workspace() RETURNS uuid LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN CASE WHEN may_see(asking_workspace()) THEN asking_workspace() END;
END $$;
ALTER POLICY own ON workspaces USING (id = (SELECT seen_workspace()));
ALTER POLICY own ON users USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY own ON contacts USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY own ON notes USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY own ON tags USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY own ON agents USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY own ON calls USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY own ON events USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY own ON conversation_tags USING (tag_id IN (SELECT t.id FROM tags t WHERE t.workspace_id = (SELECT seen_workspace())));
ALTER POLICY reading ON conversations USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY reading ON messages USING (workspace_of(conversation_id) = (SELECT seen_workspace()));
ALTER POLICY inserting ON conversations WITH CHECK (workspace_id = (SELECT seen_workspace()));
ALTER POLICY updating ON conversations USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY deleting ON conversations USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY inserting ON messages WITH CHECK (workspace_id = (SELECT seen_workspace()));
ALTER POLICY updating ON messages USING (workspace_id = (SELECT seen_workspace()));
ALTER POLICY deleting ON messages USING (workspace_id = (SELECT seen_workspace()));
