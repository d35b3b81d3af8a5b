-- Some functions stand on tables, and tables on the others.
DROP FUNCTION prune_events, contact_shown, redeem_ticket, issue_ticket, lets_in, memberships, workspace_by_number,
    workspace_by_key;
DROP TABLE live_tickets, events, event_counters, calls, agents, messages, conversation_tags, tags, conversations, notes, contacts, users,
    workspaces;
DROP SEQUENCE revisions;
DROP FUNCTION tell_agent, revise_agent, tell_access, tell_message, tell_conversation, tell_contact, erase_contact, tell_event, shown,
    workspace_of, may_see, asking_user, asking_workspace;
REVOKE ALL ON schema_migrations FROM tailgate_api;
-- The role may serve another database of this server, and stays.
