DROP VIEW IF EXISTS view_actionable_leads;
DROP VIEW IF EXISTS view_conversation_volume;
