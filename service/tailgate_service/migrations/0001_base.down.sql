-- Some functions stand on tables, and tables on the others.
DROP FUNCTION redeem_ticket, issue_ticket, lets_in, memberships, workspace_by_number, workspace_by_key;
DROP TABLE live_tickets, events, event_counters, calls, agents, messages, conversation_tags, tags, conversations, notes, contacts, users,
    workspaces;
DROP SEQUENCE revisions;
DROP FUNCTION tell_agent, revise_agent, tell_access, tell_message, shown, workspace_of, may_see, asking_user, asking_workspace;
REVOKE ALL ON schema_migrations FROM tailgate_api;
-- The role may serve another database of this server, and stays.
