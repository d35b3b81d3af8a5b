-- What dashboards read, each by who asks.
CREATE VIEW view_conversation_volume WITH (security_invoker = true) AS
SELECT workspace_id, domain, (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS conversations,
       count(*) FILTER (WHERE status = 'resolved') AS resolved
FROM conversations GROUP BY workspace_id, domain, (created_at AT TIME ZONE 'UTC')::date;

-- Callers worth calling back: who sounded likely to buy in the last call answered, and was not written to since.
CREATE VIEW view_actionable_leads WITH (security_invoker = true) AS
SELECT k.workspace_id, k.id AS contact_id, k.name, k.phone, l.id AS call_id, l.lead_score, l.summary, l.started_at
FROM (
    SELECT DISTINCT ON (contact_id) contact_id, id, lead_score, summary, started_at
    FROM calls WHERE outcome = 'answered' ORDER BY contact_id, started_at DESC, id DESC
) l JOIN contacts k ON k.id = l.contact_id
WHERE l.lead_score >= 60 AND NOT EXISTS (
    SELECT FROM conversations c JOIN messages m ON m.conversation_id = c.id
    WHERE c.contact_id = k.id AND m.direction = 'out' AND m.created_at > l.started_at
);
GRANT SELECT ON view_conversation_volume, view_actionable_leads TO tailgate_api;
