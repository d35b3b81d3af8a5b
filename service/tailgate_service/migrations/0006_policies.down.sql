-- outside a transaction
ALTER POLICY own ON workspaces USING (may_see(id));
ALTER POLICY own ON users USING (may_see(workspace_id));
ALTER POLICY own ON contacts USING (may_see(workspace_id));
ALTER POLICY own ON notes USING (may_see(workspace_id));
ALTER POLICY own ON tags USING (may_see(workspace_id));
ALTER POLICY own ON agents USING (may_see(workspace_id));
ALTER POLICY own ON calls USING (may_see(workspace_id));
ALTER POLICY own ON events USING (may_see(workspace_id));
ALTER POLICY own ON conversation_tags USING (may_see(workspace_of(conversation_id)));
ALTER POLICY reading ON conversations USING (may_see(workspace_id));
ALTER POLICY reading ON messages USING (may_see(workspace_of(conversation_id)));
ALTER POLICY inserting ON conversations WITH CHECK (true);
ALTER POLICY updating ON conversations USING (true);
ALTER POLICY deleting ON conversations USING (true);
ALTER POLICY inserting ON messages WITH CHECK (true);
ALTER POLICY updating ON messages USING (true);
ALTER POLICY deleting ON messages USING (true);
DROP FUNCTION IF EXISTS seen_workspace();
